import type { Target } from '../../targets/postgres/accessor.ts';
import { pace } from './pace.ts';

export type StandbyOptions = {
  readonly target: Target;
  readonly everyMs: number;
  readonly signal: AbortSignal;
  readonly clock: () => number;
  readonly onError: (error: unknown, node: string) => void;
  readonly onAnswer: (node: string) => void;
};

const waitMs = 500;
/** An honest login is through in milliseconds; one may be held open for half an hour by whoever asks for that (P3). */
const lateMs = 10_000;

/**
 * Sweeps each node that is not the primary until the signal, each for itself: sessions live on standbys too, and go on
 * where the primary is dead, where a standby has fallen behind, and where this process began after the revoke (P9).
 * A cluster of one node has none.
 */
export function sweepStandbys(options: StandbyOptions): Promise<unknown> {
  const { target } = options;
  return target.nodes.length < 2
    ? Promise.resolve()
    : Promise.all(target.nodes.map((node) => sweepStandby(options, node)));
}

function sweepStandby({ target, everyMs, signal, clock, onError, onAnswer }: StandbyOptions, node: string) {
  let met = new Map<string, number>();
  const round = async (): Promise<void> => {
    // The rounds of what is due are there.
    if (target.primary() === node) return;
    const late = [...met].filter(([, sinceAt]) => sinceAt + lateMs <= clock()).map(([login]) => login);
    const { inFlight } = await target.sweep(node, waitMs, late);
    const at = clock();
    met = new Map(inFlight.map((login) => [login, met.get(login) ?? at]));
    onAnswer(node);
  };
  return pace(everyMs, signal, round, (error) => onError(error, node));
}
