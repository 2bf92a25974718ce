import { createEmulator } from 'emulate';
import { freePort } from '../ports.ts';

export type SeedUser = { readonly name: string; readonly realName: string; readonly email: string };
export type SeedChannel = { readonly name: string; readonly isPrivate?: boolean };

export type SlackSeed = {
  readonly team: { readonly name: string; readonly domain: string };
  readonly users: readonly SeedUser[];
  readonly channels: readonly SeedChannel[];
  /** The bot's, as in the manifest; a call beyond them is answered `missing_scope`. */
  readonly scopes: readonly string[];
  readonly botToken: string;
  readonly signingSecret: string;
};

/** Ids that the emulator lets us choose, the team's excepted, which is always the same there. */
export const slackIds = { team: 'T000000001', app: 'A0CURFEW01', bot: 'B0CURFEW01', botUser: 'U0CURFEW01' } as const;

/** The bot, with every scope: for looking at the workspace without being bound by the app's own scopes. */
export const inspectorToken = 'xoxb-inspector';
/** The emulator's own first user, with every scope. */
export const adminToken = 'xoxp-admin';

// The emulator answers a token's 5,000th call within an hour with 403, whatever Slack would say. So each token stands
// for fifty there, and the recorder takes the next one in time.
const callsEach = 4_000;
const spareTokens = 50;
export const tokenForCall = (token: string, call: number): string =>
  `${token}-${Math.floor(call / callsEach) % spareTokens}`;
const spares = (token: string): string[] =>
  Array.from({ length: spareTokens }, (_, index) => tokenForCall(token, index * callsEach));

export type RunningEmulator = { readonly url: string; readonly stop: () => Promise<void> };

/** @param publicUrl where the recorder is reached: what permalinks start with */
export const startEmulator = async (seed: SlackSeed, publicUrl: string): Promise<RunningEmulator> => {
  const bot = {
    type: 'bot',
    user: slackIds.botUser,
    app_id: slackIds.app,
    bot_id: slackIds.bot,
    bot_user_id: slackIds.botUser,
  };
  const tokens = spares(seed.botToken).map((token) => ({ ...bot, token, scopes: seed.scopes }));
  const port = await freePort();
  const emulator = await createEmulator({
    service: 'slack',
    port,
    baseUrl: publicUrl,
    seed: {
      // No token of the emulator's own.
      tokens: {},
      slack: {
        team: seed.team,
        users: seed.users.map(({ name, realName, email }) => ({ name, real_name: realName, email })),
        channels: seed.channels.map(({ name, isPrivate }) => ({ name, is_private: isPrivate ?? false })),
        oauth_apps: [
          {
            app_id: slackIds.app,
            client_id: 'curfew',
            client_secret: 'unused',
            name: 'Curfew',
            redirect_uris: [],
            scopes: seed.scopes,
            bot_id: slackIds.bot,
            bot_user_id: slackIds.botUser,
            bot_name: 'curfew',
          },
        ],
        tokens: [
          ...tokens,
          ...spares(inspectorToken).map((token) => ({ ...bot, token })),
          { token: adminToken, type: 'user', user: 'admin' },
        ],
        signing_secret: seed.signingSecret,
        strict_scopes: true,
      },
    },
  });
  // Its own `url` is the public one.
  return { url: `http://127.0.0.1:${port}`, stop: () => emulator.close() };
};

/** Calls the emulator itself, with its own ids. Throws when it says no. */
export const callEmulator = async (
  url: string,
  token: string,
  method: string,
  args: Readonly<Record<string, unknown>>,
): Promise<Record<string, unknown>> => {
  const response = await fetch(`${url}/api/${method}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(args),
    signal: AbortSignal.timeout(10_000),
  });
  const body = (await response.json()) as Record<string, unknown>;
  if (body['ok'] !== true) throw new Error(`the emulator's ${method} said ${String(body['error'])}`);
  return body;
};
