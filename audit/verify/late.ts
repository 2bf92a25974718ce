/**
 * How long after it should have ended something was left of a grant, and whether somebody was called meanwhile.
 *
 * The bounds are the design's: thirty seconds after its own end nothing is left of it where the database can be reached
 * (I2); what somebody asked for, or a leaving, is done within a minute (I9, I17). PostgreSQL itself lets nobody in after
 * the end (I3). Whatever takes longer must have been loud within a minute of when it should have been over (I17).
 */
import type { NodeEvidence } from '../../domain/grant.ts';
import { minuteMs, secondMs } from '../../domain/units.ts';
import type { PlacedEntry } from '../entry-line.ts';
import { textIn, type Alarm, type EndedBody, type Granted } from './case.ts';

/** A target's log has the target's own clock. */
export const skewMs = minuteMs;
const endedWithinMs = 30 * secondMs;
const askedWithinMs = minuteMs;
/** A minute, and what raising the alarm itself may take. */
const loudWithinMs = minuteMs + 15 * secondMs;

/** Whoever ends grants is dead, or cannot reach a cluster. */
export const ofClusters: readonly string[] = ['reaper-blind', 'reaper-silent'];
/** A grant does not end, or what ends it met something: any other alarm about a request is about something else. */
const isOfAnEnd = (code: string): boolean => code === 'revoke-late' || code.startsWith('reaper-');

/** Writes down what is told of a request, and when that was over. */
export const noteAlarm = (alarms: Alarm[], entry: PlacedEntry): void => noteWhere(alarms, entry, isOfAnEnd);

/** The same of what is no request. */
export const noteClusterAlarm = (alarms: Alarm[], entry: PlacedEntry): void =>
  noteWhere(alarms, entry, (code) => ofClusters.includes(code));

function noteWhere(alarms: Alarm[], entry: PlacedEntry, counts: (code: string) => boolean): void {
  const key = textIn(entry, 'key');
  const { subject, atMs } = entry;
  if (entry.kind === 'alarm.raised' && counts(textIn(entry, 'code'))) alarms.push({ key, subject, raisedAt: atMs });
  if (entry.kind !== 'alarm.resolved') return;
  const open = alarms.findLast((alarm) => alarm.key === key && alarm.overAt === undefined);
  if (open) open.overAt = atMs;
}

/** Each node has answered, and nobody can log in or is inside. NB. What a file says may be anything, and only true is true. */
export const isNothingLeft = (nodes: readonly NodeEvidence[]): boolean =>
  nodes.length > 0 &&
  nodes.every(
    ({ ended, sessionsLeft, canLogin }) => Object.is(ended, true) && sessionsLeft === 0 && Object.is(canLogin, false),
  );

/** `onTime`: what is counted. `late`: it was over so many milliseconds too late; `loud`: and somebody was told. */
export type Lateness =
  | { readonly kind: 'onTime'; readonly counted: string }
  | { readonly kind: 'late'; readonly loud: boolean; readonly byMs: number };

/**
 * @param safeAt when nothing was left of it, epoch ms; or where nobody has said so yet, an instant by which nobody had
 * @param clusters alarms of clusters, of any of them
 */
export function latenessOf(one: Granted, safeAt: number, clusters: readonly Alarm[]): Lateness {
  const dues = duesOf(one);
  // NB. Whoever ends a grant is not who tells of its sessions, and where one began something was left.
  const endedAt = Math.max(safeAt, (one.sessionAt ?? -Infinity) - skewMs);
  const missed = dues.filter(({ at, withinMs }) => !(endedAt - at <= withinMs));
  const shouldAt = Math.min(...dues.map(({ at }) => at));
  if (missed.length > 0) {
    const alarms = [...one.alarms, ...clusters.filter(isOfItsCluster(one))];
    return { kind: 'late', loud: missed.every(({ at }) => isKnown(alarms, at, endedAt)), byMs: endedAt - shouldAt };
  }
  const soon = endedAt - shouldAt <= endedWithinMs;
  return {
    kind: 'onTime',
    counted: soon ? `ended within ${endedWithinMs / secondMs} s` : 'ended within a minute of being asked to',
  };
}

/** Was somebody told within a minute of when it was due, and again within a minute each time that it seemed to be over? */
function isKnown(alarms: readonly Alarm[], dueAt: number, endedAt: number): boolean {
  let untilAt = -Infinity;
  for (const { raisedAt, overAt = Infinity } of alarms.toSorted((one, other) => one.raisedAt - other.raisedAt)) {
    if (raisedAt > Math.max(untilAt, dueAt) + loudWithinMs) break;
    if (overAt >= dueAt) untilAt = Math.max(untilAt, overAt);
  }
  return untilAt + loudWithinMs >= endedAt;
}

/** NB. Older logs do not say which cluster a target is in: there the alarm of any of them counts. */
function isOfItsCluster({ grant }: Granted): (alarm: Alarm) => boolean {
  const { cluster } = grant.entry.body;
  return ({ subject }) => cluster === undefined || subject === cluster;
}

const duesOf = ({ grant: { entry, body }, endAt, asked }: Granted) => [
  { at: endAt ?? body.endAt, withinMs: endedWithinMs },
  // What was asked before the login was there could not end it yet.
  ...asked.map(({ atMs }) => ({ at: Math.max(atMs, entry.atMs), withinMs: askedWithinMs })),
];

/** By when nothing was left of it, as the end says: by the writer's clock, the store's, or the reaper's evidence. */
export const saidOver = ({ safeAt }: Granted, { atMs }: PlacedEntry, { verifiedAt }: EndedBody): number =>
  Math.min(verifiedAt, atMs, safeAt ?? Infinity);

/**
 * After which instant no session may have begun, of a grant whose end this entry is, epoch ms: when it had to be over,
 * where it was by then. Not when it is said to have been: a writer's clock may be minutes behind (F33).
 */
export function noneAfter(one: Granted, entry: PlacedEntry): number {
  const dueAt = Math.min(...duesOf(one).map(({ at, withinMs }) => at + withinMs));
  const isInTime = saidOver(one, entry, entry.body as unknown as EndedBody) <= dueAt;
  return isInTime ? Math.min(entry.atMs, dueAt) : entry.atMs;
}
