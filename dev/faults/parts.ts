/** How the parts of the stack are killed, frozen and held up. */
import { Client } from 'pg';
import { superuserUrl } from '../stack/environments.ts';
import { controlDatabase } from '../company/targets.ts';
import { eventually } from './eventually.ts';
import type { World } from './world.ts';

export const partNames = ['worker', 'api', 'reaper', 'temporal', 'target', 'store'] as const;
export type PartName = (typeof partNames)[number];

/** As when its machine's memory runs out: SIGKILL, for PostgreSQL every backend too. */
export async function kill(world: World, ...names: readonly PartName[]): Promise<void> {
  const { stack, history } = world;
  await Promise.all(
    names.map(async (name) => {
      history.write('fault', { kill: name });
      if (name === 'temporal') await stack.temporal.kill();
      else if (name === 'target' || name === 'store') await stack[name].crash('kill');
      else await stack[name].kill('SIGKILL');
    }),
  );
}

/** Servers before those who need them. */
export async function start(world: World, ...names: readonly PartName[]): Promise<void> {
  const servers = names.filter((name) => ['temporal', 'target', 'store'].includes(name));
  const others = names.filter((name) => !servers.includes(name));
  await Promise.all(servers.map((name) => world.stack[name].start()));
  await Promise.all(others.map((name) => world.stack[name].start()));
  world.history.write('fault over', { started: names });
}

/** A process as it is when its machine pauses: it holds what it holds, and answers nobody. */
export function freeze(world: World, name: 'worker' | 'api' | 'reaper'): { readonly thaw: () => void } {
  const pid = world.stack[name].pid();
  if (pid === null) throw new Error(`there is no ${name} to freeze`);
  process.kill(pid, 'SIGSTOP');
  world.history.write('fault', { freeze: name });
  return {
    thaw: () => {
      process.kill(pid, 'SIGCONT');
      world.history.write('fault over', { thaw: name });
    },
  };
}

/** Something that holds up whoever comes after, until it is let go or its server dies. */
export type Hold = { readonly release: () => Promise<void> };

/** Keeps every change of a template's members waiting: a grant before its COMMIT, and a revoke after its NOLOGIN. */
export function holdTemplate(world: World, template: string): Promise<Hold> {
  const role = `blocker_${world.next()}`;
  const url = superuserUrl(world.stack.settings, 'target', controlDatabase);
  return holdWith(url, [`create role ${role} nologin`, `grant ${template} to ${role}`]);
}

/** Keeps every writer of one of the store's tables waiting; readers pass. */
export const holdTable = (world: Pick<World, 'stack'>, table: string): Promise<Hold> =>
  holdWith(superuserUrl(world.stack.settings, 'store', 'curfew'), [
    `lock table curfew.${table} in share row exclusive mode`,
  ]);

export async function holdWith(url: string, statements: readonly string[]): Promise<Hold> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('begin');
  for (const text of statements) await client.query(text);
  return {
    release: async () => {
      await client.query('rollback').catch(() => undefined);
      await client.end().catch(() => undefined);
    },
  };
}

/** Waits until the worker's login waits for a lock on one of the clusters. */
export const workerWaits = (world: Pick<World, 'onTarget' | 'inStore'>, on: 'target' | 'store'): Promise<true> =>
  eventually(`the worker waits on the ${on}`, async () => {
    const look = on === 'target' ? world.onTarget : world.inStore;
    const rows = await look(
      `select from pg_stat_activity where usename = 'curfew_worker' and wait_event_type = 'Lock'`,
    );
    return rows.length > 0;
  });
