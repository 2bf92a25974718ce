/** How a process reaches Slack. Without a bot token there is no Slack: requests come from the command line then. */
import { defaulted, optional, type Problem, type Values } from './field.ts';
import { prefixed, span, webAddress, word } from './forms.ts';

const bot = optional(prefixed('xox'), {
  what: 'bot token; unset: no Slack',
  mend: 'Set it to the bot token that Slack shows after installing the app (xoxb-...).',
});
const channel = optional(prefixed('C'), {
  what: "approvers' channel, its id",
  mend: "Set it to the id of the channel for approvals (C...), at the foot of the channel's details.",
});
const ops = optional(prefixed('C'), {
  what: "channel for alarms and break-glass, its id; unset: the approvers' channel",
  mend: "Set it to the id of the channel for alarms (C...), at the foot of the channel's details.",
});
const policyChannel = optional(prefixed('C'), {
  what: 'channel for proposed policies, its id; unset: the channel for alarms',
  mend: "Set it to the id of the access controllers' channel (C...), at the foot of the channel's details.",
});
const team = optional(prefixed('T'), {
  what: "workspace's id; a payload of another workspace is refused, and nobody is written to there",
  mend: "Set it to the workspace's id (T...).",
});
const address = optional(webAddress, {
  what: "Slack's Web API, where it is not Slack's own",
  mend: 'Set it to an http(s) address, or unset it for Slack itself.',
});

/** What a process needs that only writes to Slack. */
export const slackWriterShape = {
  CURFEW_SLACK_BOT_TOKEN: bot,
  CURFEW_SLACK_CHANNEL: channel,
  CURFEW_SLACK_OPS_CHANNEL: ops,
  CURFEW_SLACK_POLICY_CHANNEL: policyChannel,
  CURFEW_SLACK_TEAM_ID: team,
  CURFEW_SLACK_API_URL: address,
  CURFEW_SLACK_MESSAGE_EVERY: defaulted(span, '1s', {
    what: 'least time between two messages to one channel, of all workers together; Slack takes about one a second',
    mend: 'Set it to a span such as 1s, or 0 for an emulator.',
  }),
} as const;

/** What a process needs that also listens. */
export const slackShape = {
  ...slackWriterShape,
  CURFEW_SLACK_SIGNING_SECRET: optional(word, {
    what: 'signing secret: Slack posts to CURFEW_PUBLIC_URL',
    mend: "Set it to the app's signing secret, or CURFEW_SLACK_APP_TOKEN for Socket Mode.",
  }),
  CURFEW_SLACK_APP_TOKEN: optional(prefixed('xapp-'), {
    what: 'app-level token: Socket Mode, no inbound port',
    mend: 'Set it to the app-level token with connections:write (xapp-...), or CURFEW_SLACK_SIGNING_SECRET for HTTP.',
  }),
  CURFEW_SLACK_APP_ID: optional(prefixed('A'), {
    what: "app's id; a payload of another app is refused",
    mend: "Set it to the app's id (A...), under Basic Information.",
  }),
} as const;

export type SlackWriterConfig = {
  readonly botToken: string;
  readonly channel: string;
  readonly opsChannel: string;
  readonly policyChannel: string;
  readonly teamId: string;
  /** Least time between two messages to one channel; 0: no limit of ours. */
  readonly messageEveryMs: number;
  /** Ends with a slash; undefined: Slack itself. */
  readonly apiUrl?: string;
};

export type SlackConfig = SlackWriterConfig & {
  readonly appId: string;
  readonly receiver:
    { readonly kind: 'http'; readonly signingSecret: string } | { readonly kind: 'socket'; readonly appToken: string };
};

type Problems = { readonly problems: readonly Problem[] };
const missing = (variable: keyof typeof slackShape): Problem => ({
  variable,
  wrong: 'is not set although CURFEW_SLACK_BOT_TOKEN is',
  mend: slackShape[variable].mend,
});

export function slackWriterOf(values: Values<typeof slackWriterShape>): SlackWriterConfig | undefined | Problems {
  const { CURFEW_SLACK_BOT_TOKEN: botToken, CURFEW_SLACK_CHANNEL: to, CURFEW_SLACK_API_URL: apiUrl } = values;
  const teamId = values.CURFEW_SLACK_TEAM_ID;
  if (botToken === undefined) return undefined;
  const problems: Problem[] = [];
  if (to === undefined) problems.push(missing('CURFEW_SLACK_CHANNEL'));
  if (teamId === undefined) problems.push(missing('CURFEW_SLACK_TEAM_ID'));
  if (to === undefined || teamId === undefined) return { problems };
  const opsChannel = values.CURFEW_SLACK_OPS_CHANNEL ?? to;
  const messageEveryMs = values.CURFEW_SLACK_MESSAGE_EVERY;
  const policy = values.CURFEW_SLACK_POLICY_CHANNEL ?? opsChannel;
  return {
    botToken,
    channel: to,
    opsChannel,
    policyChannel: policy,
    teamId,
    messageEveryMs,
    ...(apiUrl === undefined ? {} : { apiUrl }),
  };
}

export function slackOf(values: Values<typeof slackShape>): SlackConfig | undefined | Problems {
  const writer = slackWriterOf(values);
  if (writer === undefined) return undefined;
  const problems = 'problems' in writer ? [...writer.problems] : [];
  const { CURFEW_SLACK_APP_ID: appId } = values;
  const { CURFEW_SLACK_APP_TOKEN: appToken, CURFEW_SLACK_SIGNING_SECRET: signingSecret } = values;
  if (appId === undefined) problems.push(missing('CURFEW_SLACK_APP_ID'));
  if (appToken === undefined && signingSecret === undefined) problems.push(missing('CURFEW_SLACK_SIGNING_SECRET'));
  if (appToken !== undefined && signingSecret !== undefined) {
    problems.push({
      variable: 'CURFEW_SLACK_APP_TOKEN',
      wrong: 'is set together with CURFEW_SLACK_SIGNING_SECRET',
      mend: 'Keep one: the app token for Socket Mode, the signing secret for HTTP.',
    });
  }
  if ('problems' in writer || problems.length > 0 || appId === undefined) return { problems };
  const receiver =
    appToken === undefined
      ? { kind: 'http' as const, signingSecret: signingSecret ?? '' }
      : { kind: 'socket' as const, appToken };
  return { ...writer, appId, receiver };
}
