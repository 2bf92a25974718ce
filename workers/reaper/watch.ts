import type { Log } from '../../config/log.ts';
import type { TargetName } from '../../domain/ids.ts';
import type { Store } from '../../store/pool.ts';
import type { Target } from '../../targets/postgres/accessor.ts';
import { reapRound, type Found } from './due.ts';
import { Alarms, Surprises } from './alarms.ts';
import { createEnding } from './ending.ts';
import { evidenceOf } from './evidence.ts';
import type { Pulse } from './health.ts';
import { followIntents } from './intents.ts';
import { pace, type Bell } from './pace.ts';
import type { Reports } from './reports.ts';
import { sweepStandbys } from './standbys.ts';
import { createStoreMark, type StoreMark } from './store-mark.ts';

export type WatchOptions = {
  readonly target: Target;
  /** The targets that are in this cluster. */
  readonly names: readonly TargetName[];
  readonly store: Store;
  readonly reports: Reports;
  readonly everyMs: number;
  /** Rung when somebody may have asked for an end. */
  readonly asked: Bell;
  readonly signal: AbortSignal;
  readonly clock: () => number;
  readonly log: Log;
};

/** How often in a round the store is asked for what is new. */
const looksARound = 4;

export type Watch = {
  readonly pulse: () => Pulse;
  /** How far the store was at the last look; undefined before the first, and while either does not answer. */
  readonly storeMark: () => StoreMark | undefined;
  readonly stopped: Promise<void>;
};

/**
 * Looks after one cluster until the signal: what is due, what has a revoke intent, how both of it goes, its standbys,
 * and how far the store is. Loops that wait for nothing of each other, so that a dead store holds up no expiry, a dead
 * primary no standby, and a dead cluster no other cluster.
 */
export function watchCluster(options: WatchOptions): Watch {
  const { target, names, store, reports, everyMs, signal, clock, log } = options;
  const startedAt = clock();
  let lastSuccessAt: number | null = null;
  let lastError: string | null = null;
  const ending = createEnding(target, {
    signal,
    clock,
    onAttempt: (grantId, missing) => log.warn({ grantId, target: target.name, missing }, 'not ended yet; trying again'),
  });
  const surprises = new Surprises(target.name, reports, clock);
  const onFound = (found: Found): void => void tellFound(found, { options, surprises });
  const intents = followIntents({
    store,
    target,
    names,
    ending,
    onFailure: (err, intent) => log.warn({ err, target: target.name, intent }, 'a revoke intent is not closed yet'),
  });

  const due = pace(
    everyMs,
    signal,
    async () => {
      await reapRound({ target, ending, clock, onFound });
      if (lastError !== null) log.info({ target: target.name }, 'the cluster answers again');
      lastSuccessAt = clock();
      lastError = null;
    },
    (err) => {
      const message = err instanceof Error ? err.message : 'unexpected failure';
      if (message !== lastError) log.error({ err, target: target.name }, 'the cluster cannot be looked after');
      lastError = message;
    },
  );
  let storeDead = false;
  // What somebody asks to end is begun at once where the store says so, long before a second is over where it does not,
  // and all that is owed is looked at each second, however often somebody rings.
  let allAt = -Infinity;
  const asked = pace(
    everyMs / looksARound,
    signal,
    async () => {
      const at = performance.now();
      const all = at - allAt >= everyMs - everyMs / looksARound / 2;
      await intents.round(all ? 'all' : 'news');
      if (all) allAt = at;
      storeDead = false;
    },
    (err) => {
      if (!storeDead)
        log.warn({ err, target: target.name }, 'revoke intents cannot be read; what is due is ended all the same');
      storeDead = true;
    },
    options.asked,
  );
  const pulse = (): Pulse => ({ name: target.name, startedAt, lastSuccessAt, lastError });
  const alarms = new Alarms(target.name, reports, clock);
  const watched = pace(
    everyMs,
    signal,
    async () => {
      surprises.calm();
      alarms.judge(pulse(), ending);
    },
    (err) => log.error({ err, target: target.name }, 'alarms cannot be judged'),
  );
  const look = createStoreMark({ target, store, clock });
  let storeMark: StoreMark | undefined;
  const marked = pace(
    everyMs,
    signal,
    async () => {
      const before = storeMark?.behind;
      storeMark = await look();
      const { newest, mark, behind } = storeMark;
      if (behind && before !== true)
        log.error(
          { target: target.name, newest, mark },
          'the store came back from a backup: no grants until curfew recover',
        );
    },
    // Who is dead is told by the loops above.
    () => (storeMark = undefined),
  );
  const silent = new Set<string>();
  const swept = sweepStandbys({
    target,
    everyMs,
    signal,
    clock,
    onAnswer: (node) => {
      if (silent.delete(node)) log.info({ target: target.name, node }, 'the node answers again');
    },
    onError: (err, node) => {
      if (!silent.has(node)) log.error({ err, target: target.name, node }, 'the node cannot be looked after');
      silent.add(node);
    },
  });
  const stopped = Promise.all([due, asked, watched, marked, swept]).then(() => undefined);
  return { pulse, storeMark: () => storeMark, stopped };
}

type Told = { readonly options: WatchOptions; readonly surprises: Surprises };

/** Tells of what a round found, once it is known how it ended. */
async function tellFound({ reaped, at, begun, ended }: Found, { options, surprises }: Told): Promise<void> {
  const { target, reports, log } = options;
  const subject = reaped.grantId ?? reaped.role;
  if (reaped.cause !== 'due') {
    if (surprises.met(subject, reaped.cause, reaped.outcome, at)) {
      const { cause, outcome } = reaped;
      log.error({ grantId: subject, target: target.name, cause, outcome }, 'ended what nobody expected');
    }
    return;
  }
  const receipt = begun ? await ended : undefined;
  if (!receipt) return;
  const evidence = evidenceOf(receipt);
  log.info({ ...evidence, target: target.name }, 'ended what was due');
  reports.add({ kind: 'ended', cluster: target.name, evidence, foundAt: at });
}
