import { reaperEnded } from '../../domain/events/grant.ts';
import type { PersonId, TargetName } from '../../domain/ids.ts';
import { minuteMs } from '../../domain/time.ts';
import { doubted, pending, type PendingIntent } from '../../store/intents.ts';
import type { Store } from '../../store/pool.ts';
import type { Target } from '../../targets/postgres/accessor.ts';
import type { EndReceipt } from '../../targets/postgres/end.ts';
import { isRefuted } from '../../targets/postgres/evidence.ts';
import type { Ending } from './ending.ts';
import { evidenceOf } from './evidence.ts';
import { createOutcomeBook, type ToldOutcome } from './outcome-book.ts';

export type IntentOptions = {
  readonly store: Store;
  readonly target: Target;
  /** The targets of this cluster, as its configuration names them. */
  readonly names: readonly TargetName[];
  readonly ending: Ending;
  readonly onFailure: (error: unknown, intent: string) => void;
};

export type Intents = {
  /**
   * Reads what must end and begins to end it. `news` looks at what was asked a moment ago only, and at what it knows to
   * be owed: one statement, however many intents there have ever been.
   * @throws CurfewError `NotRecorded` when the store does not answer
   */
  round(what?: 'all' | 'news'): Promise<void>;
};

/**
 * Revoke intents of one cluster: begun in the second in which they are read, all at once, each followed until it is
 * ended on every node, then closed with its evidence. What could not be closed, because the store died meanwhile, is
 * pending still, and is ended again: that changes nothing on the target, nor what the log is told, where nothing was
 * left in between.
 *
 * NB. Of an intent with an outcome only what this process ended itself is believed: where the store still has a grant
 * that it asks the end of, the target is asked once more.
 */
export function followIntents({ store, target, names, ending, onFailure }: IntentOptions): Intents {
  const underWay = new Set<string>();
  /** Ended by this process, with evidence from every node. */
  const closed = new Set<string>();
  /** Read, and not closed yet: what failed is begun again in the next round. */
  const owed = new Map<string, readonly PendingIntent[]>();
  /** What came of them so far, by intent and grant, until it is written: a dead store makes no end any later. */
  const unwritten = new Map<string, Map<string, Ended>>();
  const book = createOutcomeBook(store);

  async function follow(group: readonly PendingIntent[]): Promise<void> {
    const [first] = group;
    if (!first || underWay.has(first.id)) return;
    underWay.add(first.id);
    try {
      const { id, scope } = first;
      const known = unwritten.get(id) ?? new Map<string, Ended>();
      unwritten.set(id, known);
      if (!(await (scope.kind === 'grant' ? endOne(scope.requestId, known) : endAllOf(scope.person, known)))) return;
      closed.add(id);
      const ended = [...known.values()];
      const own = ended.filter((one) => one.own);
      await book.write(group.map((intent, place) => toldOf(intent, ended, place === 0 ? own : [], target.name)));
      owed.delete(id);
      unwritten.delete(id);
    } catch (error) {
      onFailure(error, first.id);
    } finally {
      underWay.delete(first.id);
    }
  }

  /** @returns false where the process stops before */
  async function endOne(grantId: string, known: Map<string, Ended>): Promise<boolean> {
    const { begun, sinceAt, ended } = ending.end(grantId);
    const receipt = await ended;
    if (!receipt) return false;
    const first = known.get(grantId);
    if (!first || isRefuted(first.receipt, receipt))
      known.set(grantId, { receipt, foundAt: sinceAt, own: begun && receipt.outcome === 'disabled' });
    return true;
  }

  /** Asked of the ledger, which knows the person, and asked again, because a claim may have been under way (I9). */
  async function endAllOf(person: PersonId, known: Map<string, Ended>): Promise<boolean> {
    for (let asked = 0; asked < longestLeave; asked += 1) {
      const live = await target.liveOf(person);
      if (live.length === 0) return true;
      const ended = await Promise.all(live.map((grantId) => endOne(grantId, known)));
      if (ended.includes(false)) return false;
    }
    return false; // still pending, so the next round goes on
  }

  async function inDoubt(): Promise<readonly PendingIntent[]> {
    const doubtful = await doubted(store, names);
    const known = new Set(doubtful.map(({ id }) => id));
    for (const id of closed) if (!known.has(id)) closed.delete(id);
    return doubtful.filter(({ id }) => !closed.has(id));
  }

  const isOpen = (id: string): boolean => owed.has(id) || underWay.has(id);

  return {
    async round(what = 'all') {
      const read =
        what === 'news'
          ? await pending(store, names, newsMs)
          : [...(await pending(store, names)), ...(await inDoubt())];
      if (what === 'all') owed.clear();
      // An intent about a person is owed by each target of the cluster, and all of them have one ledger.
      for (const [id, group] of Map.groupBy(read, (intent) => intent.id)) owed.set(id, group);
      if (what === 'all') for (const id of unwritten.keys()) if (!isOpen(id)) unwritten.delete(id);
      for (const group of owed.values()) void follow(group);
    },
  };
}

/** `own`: this process ended it because somebody asked, and nobody else of it tells the log. */
type Ended = { readonly receipt: EndReceipt; readonly foundAt: number; readonly own: boolean };

/** @param own those of which this row's entries tell, and none of another row of its intent */
const toldOf = (
  { id, target }: PendingIntent,
  ended: readonly Ended[],
  own: readonly Ended[],
  cluster: string,
): ToldOutcome => ({
  intentId: id,
  target,
  evidence: {
    by: 'reaper',
    grants: ended.map(({ receipt }) => evidenceOf(receipt)),
    told: own.map(({ receipt }) => receipt.grantId),
  },
  entries: own.map(({ receipt, foundAt }) =>
    reaperEnded('curfew_reaper', receipt.grantId, { cluster, cause: 'asked', foundAt, ...evidenceOf(receipt) }),
  ),
});

/** A person whose ledger fills as fast as it is emptied is met again in the next round. */
const longestLeave = 10;
/** A transaction that wrote an intent is over by then; the next look at all finds it otherwise. */
const newsMs = minuteMs;
