/** What one embedded stack is made of and keeps over restarts: its ports and its secrets. Made once, at random. */
import { randomBytes } from 'node:crypto';
import { logins, type Login } from '../../domain/events.ts';
import { freePorts } from '../ports.ts';

export const portNames = ['store', 'target', 'temporal', 'slack', 'slackControl', 'api', 'worker', 'reaper'] as const;
export type PortName = (typeof portNames)[number];

export type StackSecrets = {
  readonly storeSuperuser: string;
  readonly targetSuperuser: string;
  /** Of the store's logins. */
  readonly store: Readonly<Record<Login, string>>;
  readonly targetWorker: string;
  readonly targetReaper: string;
  /** base64 of 32 bytes each. */
  readonly ticketKey: string;
  readonly codecKey: string;
  readonly signingSecret: string;
  readonly botToken: string;
  /** `whsec_` and base64, as Standard Webhooks has it. */
  readonly hrSecret: string;
  /** Opens the emulator's control port: whoever has it may press buttons as a sample person. */
  readonly slackControl: string;
};

export type StackSettings = {
  readonly ports: Readonly<Record<PortName, number>>;
  readonly secrets: StackSecrets;
};

export const ticketKeyId = 'dev';
export const codecKeyId = 'dev';

export async function newSettings(): Promise<StackSettings> {
  const free = await freePorts(portNames.length);
  const ports = Object.fromEntries(portNames.map((name, index) => [name, free[index]])) as Record<PortName, number>;
  return { ports, secrets: newSecrets() };
}

const newSecrets = (): StackSecrets => ({
  storeSuperuser: word(),
  targetSuperuser: word(),
  store: Object.fromEntries(logins.map((login) => [login, word()])) as Record<Login, string>,
  targetWorker: word(),
  targetReaper: word(),
  ticketKey: randomBytes(32).toString('base64'),
  codecKey: randomBytes(32).toString('base64'),
  signingSecret: randomBytes(16).toString('hex'),
  botToken: `xoxb-${randomBytes(18).toString('hex')}`,
  hrSecret: `whsec_${randomBytes(32).toString('base64')}`,
  slackControl: word(),
});

const word = (): string => randomBytes(24).toString('base64url');
