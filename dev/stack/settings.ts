/** What one embedded stack is made of and keeps over restarts: its ports and its secrets, out of its state folder. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { newKey } from '../../audit/signed-note.ts';
import { logins, type Login } from '../../domain/events.ts';
import type { StateFolder } from '../state.ts';

const portNames = [
  'store',
  'target',
  'temporal',
  'slack',
  'slackDesk',
  'playground',
  'api',
  'worker',
  'reaper',
  'inbox',
  'witness',
  'standby',
  'collector',
] as const;
export type PortName = (typeof portNames)[number];

export type StackSettings = {
  /** Whether the target has a second node, which streams from the first. */
  readonly standby: boolean;
  readonly ports: Readonly<Record<PortName, number>>;
  readonly secrets: {
    readonly storeSuperuser: string;
    readonly targetSuperuser: string;
    /** Of the store's logins. */
    readonly store: Readonly<Record<Login, string>>;
    readonly targetWorker: string;
    readonly targetReaper: string;
    readonly targetCollector: string;
    /** base64 of 32 bytes each. */
    readonly ticketKey: string;
    readonly codecKey: string;
    readonly signingSecret: string;
    readonly botToken: string;
    /** `whsec_` and base64, as Standard Webhooks has it. */
    readonly hrSecret: string;
    readonly conditionsSecret: string;
    /** Signs what Curfew tells the inbox. */
    readonly inboxSecret: string;
    /** With which the worker speaks to the witness that is an endpoint. */
    readonly witnessToken: string;
    /** Opens the desk at which sample people's buttons are pressed (`dev/slack/desk.ts`). */
    readonly slackDesk: string;
  };
  /** Files outside the databases: the key that signs the log, and the folder of its first witness. */
  readonly log: { readonly keyFile: string; readonly witnessFolder: string };
};

/** The log's key, made at the first asking, and the witness that is a folder. */
function logOf(state: StateFolder): StackSettings['log'] {
  const [keyFile, witnessFolder] = [state.file('audit.key'), state.file('witness')];
  mkdirSync(witnessFolder, { recursive: true });
  if (!existsSync(keyFile)) writeFileSync(keyFile, `${newKey(logName).signer}\n`, { flag: 'wx', mode: 0o600 });
  return { keyFile, witnessFolder };
}

/** Of the log of this stack, in its checkpoints. */
export const logName = 'curfew.dev';
export const ticketKeyId = 'dev';
export const codecKeyId = 'dev';

/** The same for the life of the folder. */
export async function settingsOf(state: StateFolder, standby = false): Promise<StackSettings> {
  const ports = await Promise.all(portNames.map(async (name) => [name, await state.port(name)] as const));
  const base64 = (name: string): string => Buffer.from(state.secret(name), 'base64url').toString('base64');
  return {
    standby,
    ports: Object.fromEntries(ports) as Record<PortName, number>,
    secrets: {
      storeSuperuser: state.secret('storeSuperuser'),
      targetSuperuser: state.secret('targetSuperuser'),
      store: Object.fromEntries(logins.map((login) => [login, state.secret(`store ${login}`)])) as Record<
        Login,
        string
      >,
      targetWorker: state.secret('targetWorker'),
      targetReaper: state.secret('targetReaper'),
      targetCollector: state.secret('targetCollector'),
      ticketKey: base64('ticketKey'),
      codecKey: base64('codecKey'),
      signingSecret: state.secret('signingSecret'),
      botToken: `xoxb-${state.secret('botToken')}`,
      hrSecret: `whsec_${base64('hrSecret')}`,
      conditionsSecret: `whsec_${base64('conditionsSecret')}`,
      inboxSecret: `whsec_${base64('inboxSecret')}`,
      witnessToken: state.secret('witnessToken'),
      slackDesk: state.secret('slackDesk'),
    },
    log: logOf(state),
  };
}
