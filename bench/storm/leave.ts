/**
 * Somebody leaves who holds very much, or very many leave at once: from HR's signed webhook, sent to the real API, until
 * no login of theirs is let in and no session is left. The floor is the same number of bare roles with as many sessions.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import { Client } from 'pg';
import { apiUrl } from '../../dev/stack/environments.ts';
import { hourMs } from '../../domain/time.ts';
import { dropBare, endBare, makeBare, password } from '../peers/bare.ts';
import { count as asCount, interleaved, ratio, timed, type Metric } from '../metric.ts';
import { database, template, type Ground } from './ground.ts';
import { enterMany, leave, makePeople, seed, type Person, type Seeded } from './seed.ts';
import { leftOf, untilSafe } from './watch.ts';

/** HR's word on one person, said again where the API is too busy, as HR does. @throws Error where it is not taken */
export async function tellOfLeaver({ stack }: Ground, { handle }: Person): Promise<void> {
  const id = `msg_${handle}`;
  const madeAt = new Date();
  const body = JSON.stringify({ type: 'person.left', data: { handle, version: madeAt.getTime() } });
  const headers = {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(madeAt.getTime() / 1_000)),
    'webhook-signature': new Webhook(stack.settings.secrets.hrSecret).sign(id, madeAt, body),
  };
  for (let tried = 0; ; tried += 1) {
    const answer = await fetch(`${apiUrl(stack.settings)}/hooks/hr/default`, { method: 'POST', headers, body });
    if (answer.ok) return;
    if (answer.status !== 503 || tried >= 20) {
      throw new Error(`the hook answered ${answer.status}: ${await answer.text()}`);
    }
    await pause(500);
  }
}

/** One person, many grants, with as many sessions as a tenth of them. @returns milliseconds from the webhook until safe */
export async function ownLeaver(ground: Ground, grants: number): Promise<Ended> {
  const [person] = await makePeople(ground, 1);
  if (!person) throw new Error('nobody was made');
  const seeded = await seed(ground, grants, { personOf: () => person, endAt: Date.now() + hourMs });
  const inside = await enterMany(ground, seeded, sessionsOf(grants));
  const roles = seeded.map(({ role }) => role);
  const startedAt = performance.now();
  const safe = untilSafe(ground.target, roles, startedAt);
  await tellOfLeaver(ground, person);
  const ms = Math.round(await safe);
  await leave(inside);
  return { name: 'Curfew', ms, sessionsLeft: 0 };
}

export type Ended = { readonly name: string; readonly ms: number; readonly sessionsLeft: number };
const sessionsOf = (grants: number): number => Math.max(1, Math.round(grants / 10));

export async function measureLeaver(ground: Ground, grants: number, turns: number): Promise<Metric> {
  const times = await interleaved(
    turns,
    async () => (await ownLeaver(ground, grants)).ms,
    async () => {
      const roles = await makeBare(ground.target, grants, template, new Date(Date.now() + hourMs));
      const inside = await enterBare(ground, roles.slice(0, sessionsOf(grants)));
      const ms = await timed(() => endBare(ground.target, roles, template));
      await leave(inside);
      await dropBare(ground.target, roles);
      return ms;
    },
  );
  return ratio(`leave.${grants}.safe.ratio`, times, 3);
}

/** @param roles few: connections are made one after the other */
export async function enterBare({ stack }: Ground, roles: readonly string[]): Promise<readonly Client[]> {
  const sessions: Client[] = [];
  for (const user of roles) {
    const client = new Client({ host: '127.0.0.1', port: stack.settings.ports.target, database, user, password });
    client.on('error', () => undefined);
    await client.connect();
    sessions.push(client);
  }
  return sessions;
}

/** Many people at once, a few grants each: the slowest hundredth of them. The bound is that of I9. */
export async function measureFleet(ground: Ground, people: number, grants: number): Promise<Metric> {
  const all = await makePeople(ground, people);
  const seeded = await seed(ground, grants, { personOf: (n) => at(all, n % people), endAt: Date.now() + hourMs });
  const inside = await enterMany(ground, seeded, Math.min(100, grants));
  const held = Map.groupBy(seeded, ({ person }) => person.id);
  const startedAt = performance.now();
  const told = Promise.all(all.map((person) => tellOfLeaver(ground, person)));
  const safeAfter = await safeTimes(ground, [...held.values()], startedAt);
  await told;
  await leave(inside);
  const sorted = safeAfter.toSorted((one, other) => one - other);
  const p99 = at(sorted, Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99)));
  return asCount(`fleet.${people}x${grants}.safe.p99.ms`, Math.round(p99), 60_000);
}

/** When each person's grants were safe, in one look after the other at all of them. */
async function safeTimes(ground: Ground, fleet: readonly (readonly Seeded[])[], startedAt: number): Promise<number[]> {
  const times: number[] = [];
  let waiting = fleet.map((held) => held.map(({ role }) => role));
  while (waiting.length > 0) {
    const unsafe = new Set(await unsafeRoles(ground, waiting.flat()));
    const ms = performance.now() - startedAt;
    if (ms > 120_000) throw new Error(`after two minutes ${waiting.length} people are not safe`);
    const still = waiting.filter((roles) => roles.some((role) => unsafe.has(role)));
    times.push(...Array.from({ length: waiting.length - still.length }, () => ms));
    waiting = still;
  }
  const left = await leftOf(
    ground.target,
    fleet.flat().map(({ role }) => role),
  );
  if (left.logins + left.sessions > 0) throw new Error('somebody came back');
  return times;
}

async function unsafeRoles({ target }: Ground, roles: readonly string[]): Promise<readonly string[]> {
  const { rows } = await target.query<{ role: string }>(
    `select r.rolname::text as role from pg_roles r where r.rolname = any ($1::name[])
       and ((r.rolcanlogin and r.rolvaliduntil > clock_timestamp()) or exists (select from pg_stat_activity a where a.usesysid = r.oid))`,
    [roles],
  );
  return rows.map(({ role }) => role);
}

function at<T>(list: readonly T[], index: number): T {
  const one = list[index];
  if (one === undefined) throw new RangeError(`there is no ${index}`);
  return one;
}
