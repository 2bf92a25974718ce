/** What one embedded stack is made of and keeps over restarts: its ports and its secrets, out of its state folder. */
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
    /** Opens the desk at which sample people's buttons are pressed (`dev/slack/desk.ts`). */
    readonly slackDesk: string;
  };
};

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
      slackDesk: state.secret('slackDesk'),
    },
  };
}
