/** One measured thing, and what is made of a list of times. */
export type Metric = {
  readonly metric: string;
  readonly value: number;
  /** What it may be at most; null: it is told, and judged by nobody. */
  readonly budget: number | null;
  readonly ok: boolean;
  /** Of a ratio: how far apart single pairs are, and what both sides took in the middle, in milliseconds. */
  readonly spread?: {
    readonly p25: number;
    readonly p75: number;
    readonly ownMs: number;
    readonly floorMs: number;
    readonly pairs: number;
  };
  /** How many of what is measured are done in a second, in the middle: for whoever reads. */
  readonly perSecond?: number;
  /** Whatever else whoever reads it should know. */
  readonly note?: string;
};

/** A count: exact, the same each time. */
export const count = (metric: string, value: number, budget: number): Metric => ({
  metric,
  value,
  budget,
  ok: value <= budget,
});

/** Times taken turn by turn on one machine: `own[i]` right beside `floor[i]`. */
export type Paired = { readonly own: readonly number[]; readonly floor: readonly number[] };

/** The middle of one side over the middle of the other; single pairs tell how steady that is. */
export function ratio(metric: string, { own, floor }: Paired, budget: number): Metric {
  const [ownMs, floorMs] = [middle(own), middle(floor)];
  const value = rounded(ownMs / floorMs);
  const pairs = own.map((ms, index) => ms / (floor[index] ?? Number.NaN));
  const spread = {
    p25: rounded(quantile(pairs, 0.25)),
    p75: rounded(quantile(pairs, 0.75)),
    ownMs: rounded(ownMs),
    floorMs: rounded(floorMs),
    pairs: pairs.length,
  };
  return { metric, value, budget, ok: value <= budget, spread };
}

/** Runs both sides `times` times, which goes first alternating, so that neither always finds the other's warm caches. */
export async function interleaved(
  times: number,
  own: (turn: number) => Promise<number>,
  floor: (turn: number) => Promise<number>,
): Promise<Paired> {
  const taken = { own: [] as number[], floor: [] as number[] };
  for (let turn = 0; turn < times; turn += 1) {
    const sides = [
      async () => void taken.own.push(await own(turn)),
      async () => void taken.floor.push(await floor(turn)),
    ];
    for (const side of turn % 2 === 0 ? sides : sides.toReversed()) await side();
  }
  return taken;
}

/** How long it took, in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/** What stands in the middle of them. */
export const middle = (values: readonly number[]): number => quantile(values, 0.5);

const quantile = (values: readonly number[], at: number): number => {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * at))] ?? Number.NaN;
};

const rounded = (value: number): number => Number(value.toFixed(3));
