/**
 * `SlackPort` on Slack's own Web API client. Nothing here retries by itself but a short wait that Slack asked for: a
 * message that may have been taken is not sent twice by accident, and whoever calls has a bound of their own.
 */
// oxlint-disable unicorn/require-post-message-target-origin -- Slack's postMessage is not a window's.
import { webApi, type types } from '@slack/bolt';
import { CurfewError } from '../domain/errors.ts';
import { secondMs } from '../domain/time.ts';
import { SlackBusy, type Content, type SlackPort } from './views/message.ts';

export type PortOptions = {
  /** Asked for at each call, so that a rotated token is used at once and none is kept in a Workflow. */
  readonly token: () => string | Promise<string>;
  /** For an emulator; Slack's own address otherwise. */
  readonly apiUrl?: string;
  /** For one call; 3 s unless told. */
  readonly timeoutMs?: number;
  /** The longest wait that a 429 may ask for and get here; longer ones are the caller's. 5 s unless told. */
  readonly maxWaitMs?: number;
  readonly wait?: (ms: number) => Promise<void>;
};

/** Slack's words for "this cannot work however often you try", of a message or a person. */
const gone: ReadonlySet<string> = new Set([
  'message_not_found',
  'channel_not_found',
  'cant_update_message',
  'thread_not_found',
]);

/** Slack's words for "not now". https://docs.slack.dev/reference/methods/chat.postMessage#errors */
const busy: ReadonlySet<string> = new Set([
  'fatal_error',
  'internal_error',
  'ratelimited',
  'rate_limited',
  'request_timeout',
  'service_unavailable',
  'team_added_to_org',
  'message_limit_exceeded',
]);

export function createSlackPort(options: PortOptions): SlackPort {
  const client = new webApi.WebClient(undefined, {
    ...(options.apiUrl === undefined ? {} : { slackApiUrl: options.apiUrl }),
    timeout: options.timeoutMs ?? 3 * secondMs,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    logger: silent,
  });
  const maxWaitMs = options.maxWaitMs ?? 5 * secondMs;
  const wait = options.wait ?? ((ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)));

  /** One call, and once more after the wait that a 429 asked for. */
  async function call<T>(work: (token: string) => Promise<T>): Promise<T> {
    const token = await options.token();
    try {
      return await work(token);
    } catch (error) {
      if (!(error instanceof webApi.WebAPIRateLimitedError)) throw error;
      const askedMs = Math.max(0, error.retryAfter) * secondMs;
      if (askedMs > maxWaitMs) throw error;
      await wait(askedMs);
      return await work(token);
    }
  }

  return {
    async post({ channel, threadTs, ...content }) {
      const sent = await told(
        call((token) =>
          client.chat.postMessage({
            token,
            channel,
            ...sentAs(content),
            ...(threadTs === undefined ? {} : { thread_ts: threadTs }),
          }),
        ),
      );
      if (!sent.channel || !sent.ts) throw new SlackBusy('Slack took the message without saying where it is', secondMs);
      return { channel: sent.channel, ts: sent.ts };
    },
    async update({ channel, ts, ...content }) {
      try {
        await call((token) => client.chat.update({ token, channel, ts, ...sentAs(content) }));
        return 'ok';
      } catch (error) {
        if (platformError(error) !== undefined && gone.has(platformError(error) ?? '')) return 'gone';
        throw mapped(error);
      }
    },
    async openDm(user) {
      const opened = await told(call((token) => client.conversations.open({ token, users: user })));
      if (!opened.channel?.id) throw new CurfewError('SlackGone', 'Slack opened no channel of direct messages.');
      return opened.channel.id;
    },
    async ephemeral({ channel, user, ...content }) {
      await told(call((token) => client.chat.postEphemeral({ token, channel, user, ...sentAs(content) })));
    },
    async publish({ user, view }) {
      await told(call((token) => client.views.publish({ token, user_id: user, view })));
    },
  };
}

/** Links never unfold, so that nothing fetches them and no preview speaks for us. */
const sentAs = ({ text, blocks }: Content) => ({
  text,
  blocks: blocks as types.KnownBlock[],
  unfurl_links: false,
  unfurl_media: false,
});

const told = async <T>(call: Promise<T>): Promise<T> => {
  try {
    return await call;
  } catch (error) {
    throw mapped(error);
  }
};

const platformError = (error: unknown): string | undefined =>
  error instanceof webApi.WebAPIPlatformError ? error.data.error : undefined;

/** @returns `CurfewError('SlackGone')` where trying again cannot help, else `SlackBusy`; neither holds what was sent */
function mapped(error: unknown): Error {
  if (error instanceof webApi.WebAPIRateLimitedError) {
    return new SlackBusy('Slack takes no more calls for now', error.retryAfter * secondMs);
  }
  const word = platformError(error);
  if (word !== undefined && !busy.has(word)) return new CurfewError('SlackGone', `Slack refused: ${word}.`);
  if (word !== undefined) return new SlackBusy(`Slack is in trouble: ${word}`, secondMs);
  if (error instanceof webApi.WebAPIHTTPError && error.statusCode < 500) {
    return new CurfewError('SlackGone', `Slack refused with HTTP status ${error.statusCode}.`);
  }
  if (error instanceof webApi.SlackError) return new SlackBusy('Slack cannot be reached or gave no answer', secondMs);
  return error instanceof Error ? error : new Error(String(error));
}

/** The client's own log lines may hold what was sent; ours are written by whoever calls. */
const silent: webApi.Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  setLevel: () => undefined,
  getLevel: () => webApi.LogLevel.ERROR,
  setName: () => undefined,
};
