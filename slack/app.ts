/** Curfew's Slack app: a receiver, the gate, and the listeners. Two ways in, one `if`. */
import { LogLevel, SocketModeReceiver, webApi, type Logger } from '@slack/bolt';
import type { ExpressReceiver } from '@slack/bolt';
import { secondMs } from '../domain/time.ts';
import type { Store } from '../store/pool.ts';
import { createGate, GatedApp } from './delivery.ts';
import { httpReceiver } from './http.ts';
import { offersGlass } from '../service/options.ts';
import { createHomes } from './home.ts';
import { cachedAccounts, withLinks, type SlackUser } from './identity.ts';
import { register as registerActions } from './listeners/actions.ts';
import { register as registerCommands } from './listeners/commands.ts';
import { register as registerFormChanges } from './listeners/form-changes.ts';
import { register as registerHome } from './listeners/home.ts';
import { register as registerOptions } from './listeners/options.ts';
import { register as registerProposals } from './listeners/proposals.ts';
import { register as registerShortcuts } from './listeners/shortcuts.ts';
import { register as registerViews } from './listeners/views.ts';
import { createSlackPort } from './port.ts';
import { storeRecords } from './records.ts';
import type { Desk, Log, Records, SlackService } from './service.ts';

export type SlackAppConfig = {
  readonly botToken: string;
  readonly appId: string;
  readonly teamId: string;
  /** Slack's Web API, where it is not Slack's own; ends with a slash. */
  readonly apiUrl?: string;
  readonly receiver:
    { readonly kind: 'http'; readonly signingSecret: string } | { readonly kind: 'socket'; readonly appToken: string };
};

export type SlackAppParts = {
  readonly config: SlackAppConfig;
  readonly service: SlackService;
  readonly records: Records;
  /** Epoch milliseconds. */
  readonly clock: () => number;
  readonly log: Log;
};

export type SlackApp = {
  readonly app: GatedApp;
  readonly desk: Desk;
  /** HTTP only: mount it before any body parser (`web.use(slack.router)`). Socket Mode has none. */
  readonly router?: ExpressReceiver['router'];
  /** Socket Mode: connects. HTTP: nothing, the API listens. */
  start(): Promise<void>;
  stop(): Promise<void>;
};

/**
 * @param store as the login `curfew_api`
 * @throws TypeError for an empty signing secret
 */
export const createSlackApp = ({
  store,
  ...parts
}: Omit<SlackAppParts, 'records'> & { readonly store: Store }): SlackApp =>
  assembleSlackApp({ ...parts, records: storeRecords(store) });

/** The same on any records. */
export function assembleSlackApp({ config, service, records, clock, log }: SlackAppParts): SlackApp {
  const clientOptions: webApi.WebClientOptions = {
    ...(config.apiUrl === undefined ? {} : { slackApiUrl: config.apiUrl }),
    // Within the three seconds in which a trigger opens a modal; a second try would come too late.
    timeout: 2 * secondMs,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
  };
  const token = (): string => config.botToken;
  const apiUrl = config.apiUrl === undefined ? {} : { apiUrl: config.apiUrl };
  const port = createSlackPort({ token, ...apiUrl, timeoutMs: 2 * secondMs, maxWaitMs: secondMs });
  const homes = createHomes({
    port,
    overview: (input) => service.overview(input),
    mayBreakGlass: async (person) => offersGlass(await service.options({ person })),
    profiles: (people) => records.profiles(people),
    rows: records.homes,
    team: config.teamId,
    log,
  });
  const desk: Desk = {
    service,
    records,
    accounts: withLinks(
      cachedAccounts({ ask: (user) => askSlack(app.client, token(), user), clock, log }),
      (account) => records.approvesFromOf(account),
      clock,
    ),
    port,
    homes,
    clock,
    log,
  };
  const logger = boltLogger(log);
  const http = config.receiver.kind === 'http' ? httpReceiver(desk, config.receiver.signingSecret, logger) : undefined;
  const receiver =
    config.receiver.kind === 'socket'
      ? new SocketModeReceiver({ appToken: config.receiver.appToken, installerOptions: { clientOptions }, logger })
      : undefined;
  const app = new GatedApp(
    {
      receiver: (http ?? receiver) as ExpressReceiver | SocketModeReceiver,
      authorize: () => Promise.resolve({ botToken: token(), teamId: config.teamId }),
      convoStore: false,
      // Answers go through the gate, which knows the delivery; here the error only passes on, as it was thrown.
      extendedErrorHandler: true,
      clientOptions,
      logger,
    },
    createGate(desk, config),
  );
  app.error(({ error }: { error: Error & { original?: Error } }) => Promise.reject(error.original ?? error));
  for (const register of [
    registerCommands,
    registerShortcuts,
    registerActions,
    registerFormChanges,
    registerViews,
    registerOptions,
    registerProposals,
    registerHome,
  ]) {
    register(app, desk);
  }
  return {
    app,
    desk,
    ...(http ? { router: http.router } : {}),
    start: async () => void (await receiver?.start()),
    stop: async () => await receiver?.stop(),
  };
}

/** @returns undefined where Slack knows no such user, or not for this workspace */
async function askSlack(client: webApi.WebClient, token: string, user: string): Promise<SlackUser | undefined> {
  try {
    return (await client.users.info({ token, user })).user;
  } catch (error) {
    if (error instanceof webApi.WebAPIPlatformError && unknownUser.has(error.data.error)) return undefined;
    throw error;
  }
}
const unknownUser: ReadonlySet<string> = new Set(['user_not_found', 'user_not_visible', 'users_not_found']);

/** Bolt's own words at warning and above; its debug lines hold whole payloads. */
const boltLogger = (log: Log): Logger => ({
  debug: () => undefined,
  info: () => undefined,
  warn: (...words) => log.warn({ from: 'bolt' }, words.map(String).join(' ')),
  error: (...words) => log.error({ from: 'bolt' }, words.map(String).join(' ')),
  setLevel: () => undefined,
  getLevel: () => LogLevel.WARN,
  setName: () => undefined,
});
