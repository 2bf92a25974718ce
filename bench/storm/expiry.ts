/**
 * Very many grants end in the same second: from that instant no login is let in, and two seconds later no session is
 * left. Some of them are real requests with their Workflows, which follow; nobody's safety waits for those.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { roleOf, type RequestId } from '../../domain/ids.ts';
import { hourMs, secondMs } from '../../domain/time.ts';
import { count as asCount, type Metric } from '../metric.ts';
import type { UseCases } from '../../service/contract.ts';
import { dropBare, endBare, makeBare } from '../peers/bare.ts';
import { template, type Ground } from './ground.ts';
import { enter, enterMany, leave, makePeople, seed, type Seeded } from './seed.ts';
import { leftOf, untilDisabled, untilSafe } from './watch.ts';
import { idOf, realGrants } from './real.ts';

/** Seeding one grant takes this long at most on a slow machine; what is left over is waited for. */
const perGrantMs = 12;
/** Logins are tried by this many at once: each costs both sides a SCRAM exchange, on the cores that are measured. */
const attempts = 2;

export async function measureExpiry(
  ground: Ground,
  count: number,
  real: number,
  useCases: UseCases,
): Promise<readonly Metric[]> {
  const [person] = await makePeople(ground, 1);
  if (!person) throw new Error('nobody was made');
  const endAt = Date.now() + count * perGrantMs + real * 250 + 20 * secondMs;
  const seeded = await seed(ground, count - real, { personOf: () => person, endAt });
  const others = await realGrants(ground, useCases, { person: await idOf(ground, 'diego'), count: real, endAt });
  if (Date.now() > endAt - 5 * secondMs) throw new Error('seeding took longer than the grants last');
  const inside = await enterMany(ground, seeded, Math.min(100, Math.max(1, Math.round(count / 100))));
  const roles = [...seeded.map(({ role }) => role), ...others.map(roleOf)];
  await pause(Math.max(0, endAt - Date.now() - 500));
  const knocking = knock(ground, seeded, endAt);
  await pause(Math.max(0, endAt - Date.now()));
  const startedAt = performance.now();
  const safeMs = await untilSafe(ground.target, roles, startedAt);
  const allOffMs = await untilDisabled(ground.target, roles, startedAt, 300_000);
  const admitted = await knocking;
  await leave(inside);
  const lost = (await stillOn(ground, roles)) + (await unclosed(ground, others));
  const floorMs = await floorOf(ground, count);
  return [
    asCount(`expiry.${count}.logins.afterwards`, admitted, 0),
    asCount(`expiry.${count}.safe.ms`, Math.round(safeMs), 2_000),
    {
      metric: `expiry.${count}.ratio`,
      value: Number((allOffMs / floorMs).toFixed(3)),
      budget: 5,
      ok: allOffMs <= 5 * floorMs,
    },
    asCount(`expiry.${count}.lost`, lost, 0),
  ];
}

/** Logins tried without a pause from half a second before the end until two after it. @returns how many were let in late */
async function knock(ground: Ground, seeded: readonly Seeded[], endAt: number): Promise<number> {
  let late = 0;
  const one = async (role: string): Promise<void> => {
    while (Date.now() < endAt + 2 * secondMs) {
      const triedAt = Date.now();
      const session = await enter(ground, role).catch(() => undefined);
      if (session && triedAt >= endAt) late += 1;
      await session?.end().catch(() => undefined);
      await pause(100);
    }
  };
  await Promise.all(seeded.slice(-attempts).map(({ role }) => one(role)));
  return late;
}

async function stillOn(ground: Ground, roles: readonly string[]): Promise<number> {
  const { logins, sessions } = await leftOf(ground.target, roles);
  const { rows } = await ground.target.query<{ n: number }>(
    `select count(*)::int as n from curfew.ledger where role = any ($1::name[]) and state = 'active'`,
    [roles],
  );
  return logins + sessions + (rows[0]?.n ?? 0);
}

/** Of the real requests, those whose Workflows do not close. */
async function unclosed({ store }: Ground, ids: readonly RequestId[]): Promise<number> {
  for (const giveUpAt = Date.now() + 120_000; ;) {
    const { rows } = await store.query<{ n: number }>(
      `select count(*)::int as n from curfew.projection where request_id = any ($1::uuid[]) and state <> 'closed'`,
      [ids],
    );
    const open = rows[0]?.n ?? 0;
    if (open === 0 || Date.now() > giveUpAt) return open;
    await pause(250);
  }
}

async function floorOf({ target }: Ground, count: number): Promise<number> {
  const roles = await makeBare(target, count, template, new Date(Date.now() + hourMs));
  const startedAt = performance.now();
  await endBare(target, roles, template);
  const ms = performance.now() - startedAt;
  await dropBare(target, roles);
  return ms;
}
