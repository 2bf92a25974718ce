/** A Slack workspace on loopback: the emulator, with the recorder before it. */
import { claimPort, freePort } from '../ports.ts';
import { adminToken, callEmulator, slackIds, startEmulator, type SlackSeed } from './emulator.ts';
import type { AccountFlags } from './answers.ts';
import { startRecorder, type Recorder, type ValidateCall } from './recorder.ts';
import { stableId, stableIds } from './stable-ids.ts';

export type { SlackSeed };

export type Workspace = {
  readonly name: string;
  /** What `slackApiUrl` of a client is set to. */
  readonly apiUrl: string;
  readonly team: { readonly id: string; readonly name: string; readonly domain: string };
  readonly appId: string;
  readonly botId: string;
  readonly botUserId: string;
  readonly botToken: string;
  readonly signingSecret: string;
  readonly recorder: Recorder;
  /** A user's id by the seed's name; the same in every run. */
  readonly userId: (name: string) => string;
  readonly channelId: (name: string) => string;
  readonly nameOfUser: (id: string) => string;
  readonly nameOfChannel: (id: string) => string;
  /** Makes somebody a guest, a stranger, a bot or a deactivated account in `users.info`. */
  readonly setFlags: (name: string, flags: AccountFlags) => void;
  readonly stop: () => Promise<void>;
};

export type WorkspaceOptions = {
  readonly seed: SlackSeed;
  readonly validate: ValidateCall;
  /** A free one where absent. */
  readonly port?: number;
};

export const startWorkspace = async ({ seed, validate, port: wanted }: WorkspaceOptions): Promise<Workspace> => {
  const port = wanted ?? (await freePort());
  await claimPort(port, 'the Slack emulator');
  const emulator = await startEmulator(seed, `http://127.0.0.1:${port}`);
  const ids = stableIds();
  const recorder = await startRecorder({
    emulatorUrl: emulator.url,
    port,
    botToken: seed.botToken,
    ids,
    validate,
  }).catch(async (error: unknown) => {
    await emulator.stop();
    throw error;
  });
  const names = await settleIn(emulator.url, ids);
  const nameOf = (id: string): string => names.get(id) ?? id;
  return {
    name: 'Slack emulator',
    apiUrl: `${recorder.url}/api/`,
    team: { id: slackIds.team, ...seed.team },
    appId: slackIds.app,
    botId: slackIds.bot,
    botUserId: slackIds.botUser,
    botToken: seed.botToken,
    signingSecret: seed.signingSecret,
    recorder,
    userId: (name) => idOf('U', seed.users, name),
    channelId: (name) => idOf('C', seed.channels, name),
    nameOfUser: nameOf,
    nameOfChannel: nameOf,
    setFlags: (name, flags) => recorder.setFlags(idOf('U', seed.users, name), flags),
    stop: async () => {
      await recorder.stop();
      await emulator.stop();
    },
  };
};

const idOf = (kind: 'U' | 'C', known: readonly { readonly name: string }[], name: string): string => {
  if (!known.some((one) => one.name === name)) throw new Error(`the workspace was seeded with nothing named ${name}`);
  return stableId(kind, name);
};

type Named = { readonly id: string; readonly name: string };

/** Lets the recorder know what is called what, and brings the bot into every channel; returns names by stable id. */
const settleIn = async (
  emulatorUrl: string,
  ids: ReturnType<typeof stableIds>,
): Promise<ReadonlyMap<string, string>> => {
  const names = new Map<string, string>([[slackIds.botUser, 'curfew']]);
  // As the one account that is a member of every channel from the start.
  const asAdmin = (method: string, args: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> =>
    callEmulator(emulatorUrl, adminToken, method, args);
  const users = (await asAdmin('users.list', { limit: 1_000 }))['members'] as readonly Named[];
  const channels = (await asAdmin('conversations.list', { limit: 1_000, types: 'public_channel,private_channel' }))[
    'channels'
  ] as readonly Named[];
  for (const { id, name } of channels) {
    const { members } = await asAdmin('conversations.members', { channel: id, limit: 1_000 });
    const missing = users.filter((user) => !(members as readonly string[]).includes(user.id)).map((user) => user.id);
    if (missing.length > 0) await asAdmin('conversations.invite', { channel: id, users: missing.join(',') });
    names.set(ids.learn(id, 'C', name), name);
  }
  for (const { id, name } of users) if (id !== slackIds.botUser) names.set(ids.learn(id, 'U', name), name);
  return names;
};
