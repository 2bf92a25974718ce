/**
 * `npm run bench -- audit`: what it costs that everything is written down, and that it can be proved. Each figure is held
 * against a floor of the same run, taken turn by turn.
 */
import type { Progress } from '../dev/progress.mjs';
import { measureAppend } from './audit/append.ts';
import { batch, fill, furnish, type Filled } from './audit/fill.ts';
import { openGround } from './audit/ground.ts';
import { measureProof, measureVerify, measureWhole, writeLong } from './audit/verify.ts';
import { ratio, type Metric, type Paired } from './metric.ts';

type Tell = (metrics: readonly Metric[]) => void;

/** @param scale of every number, over 0 and at most 1; a log of a million entries at 1 */
export async function measureAudit(progress: Progress, scale: number, tell: Tell): Promise<void> {
  const full = Math.max(1_000, Math.round(1_000_000 * scale));
  tell([{ metric: 'audit.scale', value: scale, budget: null, ok: true, note: `${full.toLocaleString('en')} entries` }]);
  tell(await progress.step('a grant with its entry and without', () => measureAppend(appends(scale))));
  // A single look says little, and a small log is there to show that all of it can be measured.
  const turns = full < 100_000 ? 1 : 5;
  const ground = await openGround();
  try {
    await furnish(ground);
    const short = await progress.step('the tenth of a log', async (say) => {
      const filled = await fill(ground, 0, full / 10, say);
      return { ...filled, file: await writeLong(ground, filled.size, say) };
    });
    const long = await progress.step('a log', async (say) => {
      const filled = await fill(ground, short.rounds, full, say);
      return { ...filled, file: await writeLong(ground, filled.size, say) };
    });
    tell(sequencing(short.filled, long.filled));
    tell([await progress.step('proofs', () => measureProof(ground, long.size))]);
    tell(await progress.step('the log verified', () => measureVerify(long.file, turns)));
    tell(await progress.step('all five checks', () => measureWhole(short.file, long.file, Math.ceil(turns / 2))));
  } finally {
    await ground.end();
  }
}

/** Commits wait for disks, which are seldom twice as fast: a few pairs say nothing. */
const appends = (scale: number): number => Math.max(10, Math.min(400, Math.round(4_000 * scale)));

/** How fast places are given, as a share of how fast rows can be inserted at all: at least 0.8. */
function sequencing(...filled: readonly Filled[]): readonly Metric[] {
  const all = (of: 'leaves' | 'entries'): Paired => ({
    own: filled.flatMap((one) => one[of].own),
    floor: filled.flatMap((one) => one[of].floor),
  });
  const [entries, leaves] = [all('entries'), all('leaves')];
  if (entries.own.length === 0) return [];
  const least = 0.8;
  const share = speedRatio('audit.sequence.ratio', entries);
  return [
    {
      ...share,
      budget: least,
      ok: share.value >= least,
      note: `at least; against the same entries inserted bare, ${batch.toLocaleString('en')} in a statement`,
    },
    {
      ...speedRatio('audit.sequence.leaf.ratio', leaves),
      note: 'against bare inserts of the leaves alone, hashed before',
    },
  ];
}

/** Of two speeds and not of two times: the floor's time over one's own. */
function speedRatio(metric: string, { own, floor }: Paired): Metric {
  const turned = ratio(metric, { own: floor, floor: own }, Infinity);
  const { spread } = turned;
  if (!spread) throw new Error('a ratio without its spread');
  return {
    ...turned,
    budget: null,
    spread: { ...spread, ownMs: spread.floorMs, floorMs: spread.ownMs },
    perSecond: Math.round((batch / spread.floorMs) * 1_000),
  };
}
