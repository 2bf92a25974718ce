/** Which entries belong to what was asked for: the request's own, and what its judgements rested on. */
import { parseLine, type LoggedEntry } from '../../audit/entry-line.ts';
import { ofClusters } from '../../audit/verify/late.ts';
import { isRefusal } from '../../domain/errors.ts';
import type { RequestId } from '../../domain/ids.ts';
import { everAlarmed, linesAt, placesAbout, placesAround } from '../../store/evidence.ts';
import { holdersAt } from '../../store/evidence-statements.ts';
import { epochs } from '../../store/log-epochs.ts';
import { spanOf } from '../../store/log-pages.ts';
import { everApplied } from '../../store/policies.ts';
import type { Db } from '../../store/pool.ts';
import { Stopped } from '../terminal.ts';
import type { IsTaken } from './checkpoints.ts';
import { spanWithEdges } from './edges.ts';

/** `span`: places without a gap; `picked`: single ones outside of it, in order. */
export type Places = {
  readonly span: { readonly from: number; readonly to: number };
  readonly picked: readonly number[];
};

export type Wanted =
  | { readonly kind: 'request'; readonly request: RequestId }
  | { readonly kind: 'span'; readonly fromAt: number; readonly toAt: number };

/** @param size of the newest checkpoint: what came later is not signed yet */
export const placesFor = (db: Db, wanted: Wanted, size: number, isTaken: IsTaken): Promise<Places> =>
  wanted.kind === 'request' ? ofRequest(db, wanted.request, size) : ofSpan(db, wanted, size, isTaken);

/** And the erasures of those whom the file is about, whenever they were: why the text of a statement is gone. */
export async function withErasures(db: Db, { span, picked }: Places, size: number): Promise<Places> {
  const erasures = await placesAbout(db, await holdersAt(db, picked, span), size, ['person.erased']);
  const outside = erasures.filter((one) => one < span.from || one >= span.to);
  return { span, picked: [...new Set([...picked, ...outside])].toSorted((a, b) => a - b) };
}

const noSpan = { from: 0, to: 0 } as const;
const personKinds = ['person.changed', 'link.made', 'link.confirmed', 'absence.made', 'absence.ended', 'person.erased'];
const ruleKinds = ['policy.proposed', 'policy.decided', 'policy.applied', 'log.retired', 'store.recovered'];
/** Of a cluster that could not be reached, or had no reaper: what ended late meanwhile was heard of. */
const alarmKinds = ['alarm.raised', 'alarm.resolved'];
const overKinds: ReadonlySet<string> = new Set(['grant.ended', 'request.closed']);
const targetKinds = ['target.checked', 'target.installed'];

async function ofRequest(db: Db, request: RequestId, size: number): Promise<Places> {
  const own = await placesAbout(db, [request], size);
  if (own.length === 0) throw new Stopped('The signed part of the log says nothing of that request.');
  const entries = await entriesAt(db, own);
  const of = { entries, size };
  // Nobody has said of one that goes on how it ended: what is told since may be why not.
  const untilAt = entries.some(({ kind }) => overKinds.has(kind)) ? {} : { untilAt: Infinity };
  const rested = [
    ...(await placesOfRules(db, size)),
    ...(await around(db, [...new Set(entries.flatMap(peopleOf))], personKinds, of)),
    ...(await around(db, textsOf(entries, 'target'), targetKinds, of)),
    ...(await around(db, await everAlarmed(db, ofClusters), alarmKinds, { ...of, ...untilAt })),
  ];
  return { span: noSpan, picked: [...new Set([...own, ...rested])].toSorted((a, b) => a - b) };
}

/** What was said of these while `entries` were written, and the last of each kind from before; of alarms, of each key. */
async function around(
  db: Db,
  subjects: readonly string[],
  kinds: readonly string[],
  {
    entries,
    size,
    untilAt = -Infinity,
  }: { readonly entries: readonly Found[]; readonly size: number; readonly untilAt?: number },
): Promise<readonly number[]> {
  const times = entries.map(({ atMs }) => atMs);
  const [first, last] = [
    times.reduce((a, b) => Math.min(a, b), Infinity),
    times.reduce((a, b) => Math.max(a, b), untilAt),
  ];
  const found = await entriesAt(db, await placesAbout(db, subjects, size, kinds));
  const before = new Map<string, number>();
  for (const { atMs, subject, kind, body, index } of found)
    if (atMs < first) before.set(JSON.stringify([subject, kind, body['key']]), index);
  const within = found.filter(({ atMs }) => atMs >= first && atMs <= last).map(({ index }) => index);
  return [...before.values(), ...within];
}

/** How each policy came to hold, all of them: which one held when must follow from the file. And what became of the log. */
async function placesOfRules(db: Db, size: number): Promise<readonly number[]> {
  const recoveries = (await epochs(db)).flatMap(({ recovery }) => recovery ?? []);
  return placesAbout(db, ['log', ...recoveries, ...(await everApplied(db))], size, ruleKinds);
}

type Found = LoggedEntry & { readonly index: number };

async function entriesAt(db: Db, places: readonly number[]): Promise<readonly Found[]> {
  if (places.length === 0) return [];
  return (await linesAt(db, places)).flatMap(({ index, line }) => {
    const read = line ? parseLine(line) : undefined;
    return read && !isRefusal(read) ? [{ index, ...read }] : [];
  });
}

const textsOf = (entries: readonly Found[], key: string): readonly string[] => [
  ...new Set(entries.flatMap(({ body }) => (typeof body[key] === 'string' ? [body[key]] : []))),
];

/** Whoever acted in it, and everybody by whose facts it was judged. */
function peopleOf({ actor, body }: Found): readonly string[] {
  const ids = JSON.stringify(body['facts'] ?? null).matchAll(/"id":"([0-9a-f-]{36})"/g);
  return [actor, ...[...ids].map(([, id]) => id ?? '')];
}

/**
 * Everything from the entry before the period to the first checkpoint that covers the entry after it, and all of the
 * requests that it is about: what came before, and how they ended.
 */
async function ofSpan(
  db: Db,
  period: Extract<Wanted, { kind: 'span' }>,
  size: number,
  isTaken: IsTaken,
): Promise<Places> {
  const exact = await spanOf(db, period, size);
  if (!exact) throw new Stopped('The signed part of the log has no entry of that period.');
  const span = await spanWithEdges(db, exact, period, size, isTaken);
  const requests = await placesAround(db, span, size);
  const ends = await entriesAt(db, [requests[0], span.from, span.to - 1, requests.at(-1)].filter(isPlace));
  // One of its grants may go on: what is told since may be why.
  const until = { entries: ends, size, untilAt: Infinity };
  const alarms = await around(db, await everAlarmed(db, ofClusters), alarmKinds, until);
  const outside = [...(await placesOfRules(db, size)), ...alarms].filter((one) => one < span.from || one >= span.to);
  return { span, picked: [...new Set([...outside, ...requests])].toSorted((a, b) => a - b) };
}

const isPlace = (place: number | undefined): place is number => place !== undefined;
