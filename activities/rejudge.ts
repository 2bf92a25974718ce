/**
 * What was approved is judged again when the policy or the people change, and not only when it is claimed: a stage whose
 * approver may not decide any more waits for somebody else at once, and what a newer policy would not give so easily
 * ends at once, with the reason (I6, I7, I8). The claim and the grant judge all the same by themselves.
 */
import { CurfewError } from '../domain/errors.ts';
import { stuckCode, stuckKey } from '../domain/alarms.ts';
import type { DecisionId, PersonId, RequestId } from '../domain/ids.ts';
import { secondMs } from '../domain/time.ts';
import type { LoadedPolicy } from '../policy/policy.ts';
import * as alarms from '../store/alarms.ts';
import * as decisions from '../store/decisions.ts';
import { beat, of as beatOf } from '../store/heartbeats.ts';
import * as intents from '../store/intents.ts';
import { enqueue, type NewMessage } from '../store/outbox.ts';
import type { Db, Store } from '../store/pool.ts';
import * as requests from '../store/requests.ts';
import type { RequestRow } from '../store/requests.ts';
import type { CurrentPolicy } from './current-policy.ts';
import { judge, read, suspectsOf, type Known } from './rejudge-case.ts';
import { askTheEnd, type EndMessages } from './rejudge-end.ts';
import { judgeMovers } from './rejudge-held.ts';

export type RejudgeDeps = {
  /** The login `curfew_worker`. */
  readonly store: Store;
  readonly policyOf: CurrentPolicy;
  readonly clock: () => number;
  /** What a request's Workflow is told of it. */
  readonly messages: {
    readonly void: (of: {
      readonly requestId: RequestId;
      readonly decisionId: DecisionId;
      readonly person: PersonId;
    }) => NewMessage;
    /** Shows people what no Workflow says; once a `version`. */
    readonly repaint: (of: { readonly requestId: RequestId; readonly version: number }) => NewMessage;
  } & EndMessages;
};

/** `looked`: at how many requests; null where nothing had changed. */
export type Rejudged = { readonly looked: number | null; readonly voided: number; readonly ended: number };

const actor = 'curfew_worker';
const batch = 200;
const markName = 'rejudged';
/** Shifts and delegations end by themselves, and a change may be committed after a later one: then this finds it. */
const atLeastEveryMs = 15 * secondMs;

/**
 * @returns one look; it throws where something could not be judged, after everything else was. Cheap where nothing has changed since the last one, whoever took that. Two at once do no harm: each
 *   request is changed in its own turn, and by what is true then.
 */
export function createRejudge(deps: RejudgeDeps): () => Promise<Rejudged> {
  const { store, policyOf, clock } = deps;
  return async () => {
    const lookedAt = clock();
    const mark = await markOf(store);
    const last = await beatOf(store, markName);
    const known = (last?.body as { readonly mark?: unknown } | null)?.mark;
    if (last && known === mark && Math.abs(lookedAt - last.at) < atLeastEveryMs)
      return { looked: null, voided: 0, ended: 0 };
    const policy = await policyOf(store);
    // What is held first: it is access.
    const held = await judgeMovers(deps, policy);
    const { strange = held.strange, ...open } = await pass(deps, policy);
    const result = { ...open, ended: open.ended + held.ended };
    await beat(store, { name: markName, at: lookedAt, body: { mark, ...result } });
    if (strange) throw strange;
    return result;
  };
}

/** Changes with every policy, person, group and absence; with the shifts as far as a count can tell. */
async function markOf(db: Db): Promise<string> {
  const [row] = await db.query<{ mark: string }>(
    `select concat_ws('/', (select max(number) from curfew.policy_version), (select max(changed_at) from curfew.person),
       (select max(id) from curfew.moved),
       (select concat_ws(' ', count(*), max(made_at), max(ended_at)) from curfew.absence),
       (select concat_ws(' ', count(*), max(until_at)) from curfew.on_call_shift)) as mark`,
  );
  return row?.mark ?? '';
}

/** `strange`: the first that could not be judged. It must hold up nothing else: whoever can write one row could else end this. */
type Passed = Rejudged & { readonly strange: Error | undefined };

async function pass(deps: RejudgeDeps, policy: LoadedPolicy): Promise<Passed> {
  let strange: Error | undefined;
  let looked = 0;
  let voided = 0;
  let ended = 0;
  const stuck = new Set<RequestId>();
  for (let after: RequestId | null = null; ;) {
    const rows: readonly RequestRow[] = await requests.ungranted(deps.store, { after, limit: batch });
    looked += rows.length;
    for (const row of await suspectsOf(deps.store, policy, rows, isSuspect(policy))) {
      try {
        const changed = await deps.store.transaction((tx) => settle(deps, tx, policy, row));
        voided += changed.voided;
        ended += changed.ended;
        if (changed.stuck) stuck.add(row.id);
      } catch (cause) {
        if (cause instanceof CurfewError) throw cause;
        strange ??= new Error(`request ${row.id} could not be judged again`, { cause });
      }
    }
    const last = rows.at(-1);
    if (!last || rows.length < batch) {
      if (!strange) await calm(deps, stuck);
      return { looked, voided, ended, strange };
    }
    after = last.id;
  }
}

const isSuspect =
  (policy: LoadedPolicy) =>
  (row: RequestRow, known: Known): boolean => {
    const { fallen, reasons, stuck } = judge(policy, row, known);
    return fallen.length > 0 || reasons.length > 0 || stuck !== null;
  };

/** In the request's turn, by what holds then: somebody may have claimed it, ended it or decided anew meanwhile. */
async function settle(deps: RejudgeDeps, tx: Db, policy: LoadedPolicy, row: RequestRow): Promise<Settled> {
  await requests.takeTurn(tx, row.id);
  const [now] = await requests.followedOf(tx, [row.id]);
  const open = now?.view && ['requested', 'awaiting', 'approved'].includes(now.view.state.kind);
  // Of what was asked of all that somebody has, this one's Workflow need not have heard: it may have been opened beside it.
  const asked = await intents.ofRequest(tx, row.id);
  if (open !== true || asked.some(({ scope }) => scope.kind === 'grant')) return nothing;
  const { fallen, reasons, stuck } = judge(policy, row, await read(tx, policy, [row]));
  if (reasons.length > 0) {
    const says = 'the policy would not give it so any more';
    await askTheEnd(deps.messages, tx, row, { cause: 'policy', says, policy, reasons });
    return { ...nothing, ended: 1 };
  }
  let voided = 0;
  for (const { decision } of fallen) {
    if (!(await decisions.voidOne(tx, decision, 'may not approve any more', actor))) continue;
    const { id: decisionId, person } = decision;
    await enqueue(tx, deps.messages.void({ requestId: row.id, decisionId, person }));
    voided += 1;
  }
  if (stuck !== null && (await alarms.raise(tx, stuckAlarm(row.id, stuck)))) await show(deps, tx, row.id);
  return { voided, ended: 0, stuck: stuck !== null };
}

type Settled = { readonly voided: number; readonly ended: number; readonly stuck: boolean };
const nothing: Settled = { voided: 0, ended: 0, stuck: false };

const stuckAlarm = (id: RequestId, stage: string): alarms.Alarm => ({
  key: stuckKey(id),
  code: stuckCode,
  subject: id,
  detail: `Too few are left who could decide "${stage}" of a request: it lapses, unless somebody joins them. Asked for again, it goes to the owners as well.`,
});

/** Somebody who may decide is there again, or it is over. */
async function calm(deps: RejudgeDeps, stuck: ReadonlySet<RequestId>): Promise<void> {
  for (const { code, key, subject } of await alarms.open(deps.store)) {
    if (code !== stuckCode || stuck.has(subject as RequestId)) continue;
    await deps.store.transaction(async (tx) => {
      if (await alarms.resolve(tx, key)) await show(deps, tx, subject as RequestId);
    });
  }
}

/** The requester is told by the outbox: no Workflow has anything to do with it. */
const show = ({ messages, clock }: RejudgeDeps, tx: Db, requestId: RequestId): Promise<number> =>
  enqueue(tx, messages.repaint({ requestId, version: clock() }));
