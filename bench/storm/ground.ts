/** Where storms are raised: the whole stack without Slack, its target in superuser mode with room for many sessions. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { clusterName, controlDatabase } from '../../dev/company/targets.ts';
import type { Progress } from '../../dev/progress.mjs';
import { superuserUrl } from '../../dev/stack/environments.ts';
import { startStack, type Stack } from '../../dev/stack/stack.ts';
import { openState } from '../../dev/state.ts';
import type { Trouble } from '../../dev/trouble.ts';
import { openTarget, type Target } from '../../targets/postgres/accessor.ts';

export type Ground = {
  readonly stack: Stack;
  /** The superuser's, in the control database. */
  readonly target: Client;
  readonly store: Client;
  /** As the worker sees the target. */
  readonly worker: Target;
  readonly say: (text: string) => void;
  readonly end: () => Promise<void>;
};

/** Of the server: as many sessions as a storm has, and nobody's cleaning up in the middle of a measurement. */
export const room = { max_connections: '400', autovacuum: 'off', max_locks_per_transaction: '256' };

/** The template of all seeded grants, and its database. */
export const template = 'models_read';
export const database = 'models';

/** @throws Trouble where a part does not come up, or has ended by itself before */
export async function openGround(progress: Progress, mode: 'createrole' | 'superuser'): Promise<Ground> {
  const folder = await mkdtemp(join(tmpdir(), 'curfew-storm-'));
  const state = await openState({ path: join(folder, 'state'), version: 1 });
  const broken: Trouble[] = [];
  const clean = async (): Promise<void> => {
    await state.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const stack = await startStack({
      state,
      progress,
      slack: null,
      notice: '0',
      // What a server's own log costs is no part of what is measured here.
      target: { mode, settings: room, logsSessions: false },
      onUnexpectedExit: (trouble) => void broken.push(trouble),
    });
    const { settings } = stack;
    const target = await connected(superuserUrl(settings, 'target', controlDatabase));
    const store = await connected(superuserUrl(settings, 'store', 'curfew'));
    const worker = openTarget({
      name: clusterName,
      controlDatabase,
      nodes: [{ name: 'primary', host: '127.0.0.1', port: settings.ports.target }],
      user: 'curfew_worker',
      password: settings.secrets.targetWorker,
      applicationName: 'curfew-bench',
    });
    return {
      stack,
      target,
      store,
      worker,
      say: (text) => progress.say(`      ${text}`),
      end: async () => {
        await Promise.allSettled([target.end(), store.end(), worker.close()]);
        await stack.stop();
        await clean();
      },
    };
  } catch (error) {
    await clean();
    throw broken[0] ?? error;
  }
}

async function connected(connectionString: string): Promise<Client> {
  const client = new Client({ connectionString, application_name: 'curfew-bench' });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
