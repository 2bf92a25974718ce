/** The reaper by itself: what it costs while nothing is due, and how soon all is safe when it comes back late. */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { hourMs, secondMs } from '../../domain/time.ts';
import type { Metric } from '../metric.ts';
import { count as asCount } from '../metric.ts';
import type { Ground } from './ground.ts';
import { makePeople, seed } from './seed.ts';
import { untilDisabled, untilSafe } from './watch.ts';

const watchedMs = 20 * secondMs;
/** Of the kernel's clock, in which processes are billed; the same on every Linux that Node runs on. */
const ticksASecond = 100;

/** Its share of one core, and the transactions a second that it makes on target and store, with everything else stopped. */
export async function measureIdle(ground: Ground): Promise<readonly Metric[]> {
  const { stack } = ground;
  await Promise.all([stack.api.stop(), stack.worker.stop()]);
  try {
    const pid = stack.reaper.pid();
    if (pid === null) throw new Error('the reaper does not run');
    // Whatever the storms before have left it to do comes first.
    await pause(5 * secondMs);
    const [cpu, transactions, at] = [cpuMs(pid), await committed(ground), performance.now()];
    await pause(watchedMs);
    const ms = performance.now() - at;
    const share = (cpuMs(pid) - cpu) / ms;
    const perSecond = ((await committed(ground)) - transactions) / (ms / secondMs);
    return [
      { metric: 'reaper.idle.core', value: Number(share.toFixed(4)), budget: 0.05, ok: share <= 0.05 },
      { metric: 'reaper.idle.queries', value: Number(perSecond.toFixed(2)), budget: 15, ok: perSecond <= 15 },
    ];
  } finally {
    await Promise.all([stack.api.start(), stack.worker.start()]);
  }
}

/** Fields 14 and 15 of /proc/PID/stat, behind the name in brackets. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return ((Number(fields[11]) + Number(fields[12])) * secondMs) / ticksASecond;
}

async function committed({ target, store }: Ground): Promise<number> {
  // A busy session tells its count once a second or so.
  await pause(1_500);
  const counts = await Promise.all(
    [target, store].map((client) =>
      client.query<{ n: string }>(
        'select xact_commit::text as n from pg_stat_database where datname = current_database()',
      ),
    ),
  );
  return counts.reduce((sum, { rows }) => sum + Number(rows[0]?.n ?? 0), 0);
}

/**
 * Everything is dead while some of very many grants run out; then only the target and the reaper come back.
 * @returns milliseconds from the start of the server until nothing of those that are due is left
 */
export async function measureRestart(ground: Ground, live: number, due: number): Promise<Metric> {
  const { stack } = ground;
  const [person] = await makePeople(ground, 1);
  if (!person) throw new Error('nobody was made');
  await seed(ground, live - due, { personOf: () => person, endAt: Date.now() + hourMs });
  const endAt = Date.now() + due * 12 + 10 * secondMs;
  const roles = (await seed(ground, due, { personOf: () => person, endAt })).map(({ role }) => role);
  await Promise.all([stack.reaper.kill('SIGKILL'), stack.worker.kill('SIGKILL'), stack.api.kill('SIGKILL')]);
  await pause(Math.max(0, endAt - Date.now()) + secondMs);
  const startedAt = performance.now();
  await stack.reaper.start();
  const ms = await untilDisabled(ground.target, roles, startedAt, 120_000);
  await untilSafe(ground.target, roles, startedAt);
  await Promise.all([stack.worker.start(), stack.api.start()]);
  return asCount(`restart.${live}.safe.ms`, Math.round(ms), 30_000);
}
