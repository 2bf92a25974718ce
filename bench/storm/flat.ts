/**
 * What a grant costs while very many others live: the target's call alone, turn by turn with the same call on a cluster
 * on which nobody holds anything. The curve over the number of live roles, in either mode.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { interleaved, ratio, timed, type Metric, type Paired } from '../metric.ts';
import { startBareTarget, type BareTarget, type Mode } from './cluster.ts';

/** `empty` beside `full`: times of single calls in milliseconds. */
export type Point = { readonly live: number; readonly grants: Paired; readonly revokes: Paired };

const pairs = 100;
/** Of a session's first calls: plans and catalog caches are filled once, as in a worker that runs for weeks. */
const warmUps = 10;

/** At each of these numbers of live roles, in growing order. What is granted for the measurement is ended after it. */
export async function curve(
  mode: Mode,
  lives: readonly number[],
  say: (text: string) => void,
): Promise<readonly Point[]> {
  const folder = await mkdtemp(join(tmpdir(), 'curfew-storm-'));
  const started: BareTarget[] = [];
  try {
    for (const name of ['full', 'empty']) started.push(await startBareTarget(folder, name, mode));
    const [full, empty] = started;
    if (!full || !empty) throw new Error('two clusters were started');
    const points: Point[] = [];
    let live = 0;
    for (const wanted of lives) {
      const tookMs = await timed(() => full.fill(wanted - live));
      live = wanted;
      say(`${mode}: ${live.toLocaleString('en')} live after ${Math.round(tookMs / 1_000)} s`);
      for (const side of [full, empty]) for (let n = 0; n < warmUps; n += 1) await end(side, await grant(side));
      points.push({ live, ...(await measure(full, empty)) });
    }
    return points;
  } finally {
    for (const one of started) await one.end();
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(full: BareTarget, empty: BareTarget): Promise<Omit<Point, 'live'>> {
  const made = { full: [] as string[], empty: [] as string[] };
  const grants = await interleaved(pairs, timedGrant(full, made.full), timedGrant(empty, made.empty));
  const revokes = await interleaved(
    pairs,
    (turn) => timed(() => end(full, made.full[turn] ?? '')),
    (turn) => timed(() => end(empty, made.empty[turn] ?? '')),
  );
  return { grants, revokes };
}

function timedGrant({ target, order }: BareTarget, made: string[]): () => Promise<number> {
  return () => {
    const call = order();
    made.push(call.grantId);
    return timed(() => target.grant(call));
  };
}

async function grant({ target, order }: BareTarget): Promise<string> {
  const call = order();
  await target.grant(call);
  return call.grantId;
}

const end = ({ target }: BareTarget, id: string): Promise<unknown> => target.revokeMany([id]);

/** How much dearer a grant is among the most than on an empty cluster: the worst of the points. */
export function flatness(points: readonly Point[], budget: number): Metric {
  const all = points.map(({ live, grants }) => ({
    ...ratio('grant.flat.ratio', grants, budget),
    note: `at ${live} live`,
  }));
  const worst = all.toSorted((one, other) => other.value - one.value)[0];
  if (!worst) throw new Error('nothing was measured');
  return worst;
}

/** For whoever reads: what a grant and a revoke take at each point, and how many times what they take on an empty cluster. */
export const curveMetrics = (mode: Mode, points: readonly Point[]): readonly Metric[] =>
  points.flatMap(({ live, ...both }) =>
    (['grants', 'revokes'] as const).map((what): Metric => {
      const { value, spread } = ratio('', both[what], Number.POSITIVE_INFINITY);
      const metric = `${what.slice(0, -1)}.${mode}.at.${live}.ms`;
      return { metric, value: spread?.ownMs ?? Number.NaN, budget: null, ok: true, note: `${value} times empty` };
    }),
  );
