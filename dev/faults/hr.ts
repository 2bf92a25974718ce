/** HR's word on somebody, as a Standard Webhook to the API; whatever about it is to be wrong, can be. */
import { randomUUID } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { secondMs } from '../../domain/time.ts';
import { apiUrl } from '../stack/environments.ts';
import { must } from './grants.ts';
import type { World } from './world.ts';

export type Word = {
  readonly handle: string;
  readonly state: 'left' | 'suspended' | 'active';
  readonly id?: string;
  /** The source's counter; now where absent. */
  readonly version?: number;
  /** When it was signed, epoch ms. */
  readonly stampedAt?: number;
  /** What is sent in the place of the true signature. */
  readonly signature?: string;
};

/** @returns the status and what was answered */
export async function deliver(
  world: World,
  { handle, state, id = randomUUID(), version = Date.now(), stampedAt = Date.now(), signature }: Word,
): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }> {
  const type = `person.${state}`;
  const text = JSON.stringify({ type, data: { handle, version } });
  const at = new Date(stampedAt);
  const response = await fetch(`${apiUrl(world.stack.settings)}/hooks/hr/default`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(stampedAt / secondMs)),
      'webhook-signature': signature ?? new Webhook(world.stack.settings.secrets.hrSecret).sign(id, at, text),
    },
    body: text,
    signal: AbortSignal.timeout(10_000),
  });
  world.history.write(`hr ${type}`, { status: response.status });
  const body = (await response.json().catch(() => ({}))) as Readonly<Record<string, unknown>>;
  return { status: response.status, body };
}

/** One event that is taken. @throws Error where it is not */
export async function hrSays(world: World, word: Word): Promise<void> {
  const { status, body } = await deliver(world, word);
  must(status === 200, `HR was answered ${status}: ${JSON.stringify(body)}`);
}
