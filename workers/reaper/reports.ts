import { reaperEnded, reaperSurprised } from '../../domain/events/grant.ts';
import type { RequestId } from '../../domain/ids.ts';
import { raise, resolve, type Alarm } from '../../store/alarms.ts';
import { append } from '../../store/audit.ts';
import { byId } from '../../store/grants.ts';
import type { Store } from '../../store/pool.ts';
import type { Evidence } from './evidence.ts';

/** What the reaper has to tell the store. `doubt`: the store did not know the grant yet, and is asked once more. */
export type Report =
  | { readonly kind: 'ended'; readonly cluster: string; readonly evidence: Evidence; readonly foundAt: number }
  | {
      readonly kind: 'surprise';
      readonly cluster: string;
      readonly subject: string;
      readonly code: SurpriseCode;
      readonly outcome: string;
      readonly foundAt: number;
    }
  | {
      readonly kind: 'doubt';
      readonly cluster: string;
      readonly subject: string;
      readonly outcome: string;
      readonly foundAt: number;
    }
  | { readonly kind: 'alarm'; readonly alarm: Alarm }
  | { readonly kind: 'calm'; readonly key: string };

/**
 * `repair`: a role disagreed with its ledger row. `stranger`: a login that Curfew never made. `unknown-grant`: the
 * ledger had it and the store did not. `ended-before`: the store calls it ended, so it came back (P10).
 */
export type SurpriseCode = 'repair' | 'stranger' | 'unknown-grant' | 'ended-before';

const actor = 'curfew_reaper';

/** One alarm a role and kind of surprise. */
export const surpriseKey = (cluster: string, subject: string, code: SurpriseCode): string =>
  `reaper/${cluster}/${subject}/${code}`;

const sentences: Readonly<Record<SurpriseCode, string>> = {
  repair: 'A login was changed by somebody else and did not agree with its ledger; it was ended.',
  stranger: 'A login that Curfew did not make bears one of its names; it was disabled.',
  'unknown-grant': 'The target had a grant that the store does not know; it was ended.',
  'ended-before': 'A grant that had ended was live again, as after a restore or a failover; it was ended again.',
};

/** Without superuser mode Curfew may not touch what a superuser made. */
const notDisabled =
  'A login that Curfew did not make bears one of its names, and the target does not let Curfew disable it: somebody with more rights has to.';

/** Kept while the store is dead; beyond it the oldest are only in the log. */
const longestQueue = 10_000;

/** A worker records a grant after the target made it: one of a second may be over before its row is there. */
const graceMs = 30_000;

export type Reports = {
  /** Never waits and never fails: the target comes first. */
  add(report: Report): void;
  /** Tells the store what is kept, oldest first. @throws CurfewError `NotRecorded`: the rest is kept */
  flush(): Promise<void>;
  /** How many wait, and how many were dropped since the start. */
  backlog(): { readonly waiting: number; readonly dropped: number };
};

export function createReports(store: Store, clock: () => number): Reports {
  const queue: Report[] = [];
  let dropped = 0;
  const add = (report: Report): void => {
    queue.push(report);
    if (queue.length <= longestQueue) return;
    queue.shift();
    dropped += 1;
  };
  return {
    add,
    async flush() {
      for (const report of queue.filter((each) => each.kind !== 'doubt' || each.foundAt + graceMs <= clock())) {
        const more = await tell(store, report);
        // NB. Removed by itself and not by place: one that was added meanwhile may have pushed it out.
        const place = queue.indexOf(report);
        if (place >= 0) queue.splice(place, 1);
        more.forEach(add);
      }
    },
    backlog: () => ({ waiting: queue.filter((each) => each.kind !== 'doubt').length, dropped }),
  };
}

type Doubt = Extract<Report, { kind: 'doubt' }>;
type Surprise = Extract<Report, { kind: 'surprise' }>;

/** @returns what must be asked again later, where something must */
async function tell(store: Store, report: Report): Promise<readonly Doubt[]> {
  switch (report.kind) {
    case 'ended':
      return tellEnded(store, report);
    case 'surprise':
      await tellSurprise(store, report);
      break;
    case 'doubt':
      if (!(await byId(store, report.subject as RequestId))) {
        await tellSurprise(store, { ...report, kind: 'surprise', code: 'unknown-grant' });
      }
      break;
    case 'alarm':
      await raise(store, report.alarm);
      break;
    case 'calm':
      await resolve(store, report.key);
      break;
  }
  return [];
}

/** A grant that was due: its entry, and a surprise where the store had called it ended before. */
async function tellEnded(
  store: Store,
  { cluster, evidence, foundAt }: Extract<Report, { kind: 'ended' }>,
): Promise<readonly Doubt[]> {
  const known = await byId(store, evidence.grantId as RequestId);
  await append(store, reaperEnded(actor, evidence.grantId, { cluster, cause: 'due', foundAt, ...evidence }));
  const about = { cluster, subject: evidence.grantId, outcome: evidence.outcome, foundAt };
  if (!known) return [{ kind: 'doubt', ...about }];
  // A receipt that the worker wrote while the reaper was at it is no surprise: only one from before is.
  if (known.endedAt !== null && known.endedAt < foundAt) {
    await tellSurprise(store, { kind: 'surprise', code: 'ended-before', ...about });
  }
  return [];
}

/** One entry an alarm: a role that cannot be disabled is found again every second. */
async function tellSurprise(store: Store, { cluster, subject, code, outcome, foundAt }: Surprise): Promise<void> {
  const alarm: Alarm = {
    key: surpriseKey(cluster, subject, code),
    code: `reaper-${code}`,
    subject,
    detail: code === 'stranger' && outcome === 'failed' ? notDisabled : sentences[code],
  };
  const entry = reaperSurprised(actor, subject, { cluster, code, outcome, foundAt });
  await store.transaction(async (tx) => {
    if (await raise(tx, alarm)) await append(tx, entry);
  });
}
