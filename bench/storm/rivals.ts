/** The same number of grants, ended by how others do it: told beside our own figures, and no gate. */
import { hourMs } from '../../domain/time.ts';
import { timed, type Metric } from '../metric.ts';
import { dropBare, endBare, makeBare } from '../peers/bare.ts';
import { prepare, sweep } from '../peers/cron-sweep.ts';
import { revokeAll } from '../peers/lease-engine.ts';
import { database, template, type Ground } from './ground.ts';
import { enterBare, ownLeaver, type Ended } from './leave.ts';
import { leave } from './seed.ts';

/** Each with as many sessions as a tenth of the grants; what they leave open is counted a second later. */
export async function compare(ground: Ground, grants: number): Promise<readonly Ended[]> {
  const sessions = Math.max(1, Math.round(grants / 10));
  const past = new Date(Date.now() + hourMs);
  const against = async (name: string, work: (roles: readonly string[]) => Promise<unknown>): Promise<Ended> => {
    const roles = await makeBare(ground.target, grants, template, past);
    const inside = await enterBare(ground, roles.slice(0, sessions));
    const oids = await oidsOf(ground, roles);
    const ms = await timed(() => work(roles));
    const sessionsLeft = await sessionsOf(ground, oids);
    await leave(inside);
    await dropBare(ground.target, await there(ground, roles));
    return { name, ms: Math.round(ms), sessionsLeft };
  };
  return [
    await ownLeaver(ground, grants),
    await against('bare batched SQL', (roles) => endBare(ground.target, roles, template)),
    await against('cron sweep over a table', async (roles) => {
      await prepare(ground.target, roles, new Date(Date.now() - 1));
      await sweep(ground.target, template);
    }),
    await against('lease engine, one at a time', (roles) => revokeAll(ground.target, roles, database)),
  ];
}

const sessionsOf = async ({ target }: Ground, oids: readonly number[]): Promise<number> =>
  (
    await target.query<{ n: number }>(
      'select count(*)::int as n from pg_stat_activity where usesysid = any ($1::oid[])',
      [oids],
    )
  ).rows[0]?.n ?? 0;

const oidsOf = async ({ target }: Ground, roles: readonly string[]): Promise<readonly number[]> =>
  (await target.query<{ oid: number }>('select oid from pg_roles where rolname = any ($1::name[])', [roles])).rows.map(
    ({ oid }) => oid,
  );

const there = async ({ target }: Ground, roles: readonly string[]): Promise<readonly string[]> =>
  (
    await target.query<{ role: string }>(
      'select rolname::text as role from pg_roles where rolname = any ($1::name[])',
      [roles],
    )
  ).rows.map(({ role }) => role);

/** For whoever reads: `leave.<n>.rival.<name>`, in milliseconds. */
export const rivalMetrics = (grants: number, rivals: readonly Ended[]): readonly Metric[] =>
  rivals.map(({ name, ms, sessionsLeft }) => ({
    metric: `leave.${grants}.by.${name.replaceAll(/[ ,]+/g, '-')}.ms`,
    value: ms,
    budget: null,
    ok: true,
    note: `${sessionsLeft} sessions left open`,
  }));
