/**
 * `npm run bench -- storm`: what happens when very much has to end at once. Times are held against bare SQL and bare
 * Signals of the same run, and told beside what others would have done; only a grant that is lost fails the run.
 */
import type { Progress } from '../dev/progress.mjs';
import type { Metric } from './metric.ts';
import { measureClosed } from './storm/closed.ts';
import { measureExpiry } from './storm/expiry.ts';
import { curve, curveMetrics, flatness } from './storm/flat.ts';
import { openGround, type Ground } from './storm/ground.ts';
import { measureFleet, measureLeaver } from './storm/leave.ts';
import { measureIdle, measureRestart } from './storm/reaper.ts';
import { measureReconcile } from './storm/reconcile.ts';
import { compare, rivalMetrics } from './storm/rivals.ts';
import { ownUseCases } from './use-cases.ts';

export const stormParts = ['leave', 'closed', 'fleet', 'expiry', 'flat', 'idle', 'restart', 'reconcile'] as const;
export type StormPart = (typeof stormParts)[number];

type Tell = (metrics: readonly Metric[]) => void;

/** @param scale of every number, over 0 and at most 1; each metric's name has the number that was used */
export async function raiseStorms(
  progress: Progress,
  scale: number,
  parts: readonly StormPart[],
  tell: Tell,
): Promise<void> {
  const n = (full: number): number => Math.max(1, Math.round(full * scale));
  const has = (part: StormPart): boolean => parts.includes(part);
  tell([{ metric: 'storm.scale', value: scale, budget: null, ok: true }]);

  const on = async <T>(name: string, work: (ground: Ground) => Promise<T>): Promise<T> => {
    const ground = await openGround(progress, 'superuser');
    try {
      return await progress.step(name, () => work(ground));
    } finally {
      await ground.end();
    }
  };

  if (has('leave')) {
    await on('a leaver', async (ground) => {
      tell([await measureLeaver(ground, n(1_000), 3)]);
      tell(rivalMetrics(n(1_000), await compare(ground, n(1_000))));
    });
  }
  if (has('closed')) {
    await on('a leaver with Workflows', async (ground) => {
      const { useCases, close } = await ownUseCases(ground.stack, { slack: false, noticeMs: 0 });
      tell([await measureClosed(ground, useCases, n(1_000))]);
      await close();
    });
  }
  if (has('fleet')) await on('many leavers', async (ground) => tell([await measureFleet(ground, n(200), n(500))]));
  if (has('expiry')) {
    await on('an expiry storm', async (ground) => {
      const { useCases, close } = await ownUseCases(ground.stack, { slack: false, noticeMs: 0 });
      tell(await measureExpiry(ground, n(10_000), n(100), useCases));
      await close();
    });
  }
  if (has('idle')) await on('an idle reaper', async (ground) => tell(await measureIdle(ground)));
  if (has('flat')) {
    const say = (text: string): void => progress.say(`      ${text}`);
    const among = await progress.step('grants among many', () => curve('superuser', [0, n(10_000), n(50_000)], say));
    tell([flatness(among, 1.25), ...curveMetrics('superuser', among)]);
    const byOwner = await progress.step('the same in createrole mode', () =>
      curve('createrole', [0, n(1_000), n(2_000), n(5_000)], say),
    );
    tell(curveMetrics('createrole', byOwner));
  }
  if (has('reconcile')) {
    await on('a reconciler', async (ground) => tell(await measureReconcile(ground, n(50_000))));
  }
  if (has('restart')) {
    // Seeded grants have no Workflows: the reconciler would end them after two minutes, and it starts again at the end.
    await on('a restart', async (ground) => {
      await ground.stack.worker.stop();
      tell([await measureRestart(ground, n(50_000), n(1_000))]);
    });
  }
}
