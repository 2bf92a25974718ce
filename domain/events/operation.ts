/** Entries of what runs: targets and what is left on them, findings, alarms, refused deliveries, a restored store. */
import { constructorsOf, many, type Sentences } from './entry.ts';

/** A delivery that was refused by a rule of its own, or was none of ours; `count`: so many since the last entry. */
type DeliveryRefused =
  | { readonly code: string }
  | { readonly why: string; readonly reference: string }
  | { readonly why: 'signature'; readonly count: number };

type Finding = { readonly key: string; readonly kind: string; readonly severity: string };

export type OperationBodies = {
  readonly 'delivery.refused': DeliveryRefused;
  readonly 'target.installed': {
    readonly mode: string;
    readonly key: string;
    readonly databases: readonly string[];
  };
  readonly 'target.checked': { readonly ok: boolean };
  readonly 'target.uninstalled': { readonly kept: number };
  readonly 'role.cleaned': {
    readonly target: string;
    readonly database: string;
    /** How many objects of each kind; their names are the grantee's own words, and stand in the erasable table. */
    readonly kinds: Readonly<Record<string, number>>;
    readonly total: number;
  };
  readonly 'role.dropped': { readonly target: string };
  readonly 'role.kept': { readonly target: string; readonly cause: string };
  readonly 'finding.met': Finding;
  readonly 'finding.gone': Finding;
  readonly 'alarm.raised': { readonly key: string; readonly code: string };
  readonly 'alarm.resolved': { readonly key: string };
  readonly 'store.recovered': {
    readonly closed: number;
    readonly people: string;
    /** The log's epoch from here on, and how far the one before it had been, as others had it signed. */
    readonly epoch: number;
    readonly lostSize: number | null;
    readonly lostRoot: string | null;
    /** What was not as it had been in the log that was left, as an operator accepted it. */
    readonly faults: readonly string[];
    readonly found: readonly { readonly cluster: string; readonly mark: number; readonly newest: number }[];
  };
};

const entry = constructorsOf<OperationBodies>();

/** Something came in that was not signed, not for us, or not on a message of ours. Subject: where it came from. */
export const deliveryRefused = entry('delivery.refused');
/** Curfew was installed on a target. Subject: the target. */
export const targetInstalled = entry('target.installed');
/** A target was checked. Subject: the target. */
export const targetChecked = entry('target.checked');
/** Curfew was taken off a target. Subject: the target. */
export const targetUninstalled = entry('target.uninstalled');
/** What a grantee made has another owner (I22). Subject: the grant. */
export const roleCleaned = entry('role.cleaned');
/** An ended login is gone from its target. Subject: the grant. */
export const roleDropped = entry('role.dropped');
/** An ended login stays for now, powerless. Subject: the grant. */
export const roleKept = entry('role.kept');
/** Store, Temporal and targets do not agree. Subject: what it is about. */
export const findingMet = entry('finding.met');
/** They agree again. Subject: what it was about. */
export const findingGone = entry('finding.gone');
/** Subject: what it is about. */
export const alarmRaised = entry('alarm.raised');
/** Subject: what it was about. */
export const alarmResolved = entry('alarm.resolved');
/** A store that came back from a backup grants again. Subject: the recovery. */
export const storeRecovered = entry('store.recovered');

const whyRefused = (body: DeliveryRefused): string =>
  'code' in body ? body.code : 'count' in body ? `${body.why}, ${many(body.count, 'time')}` : body.why;

export const operationSentences: Sentences<OperationBodies> = {
  'delivery.refused': ({ subject, body }) => `A delivery to ${subject} was refused: ${whyRefused(body)}.`,
  'target.installed': ({ actor, subject }, nameOf) => `${nameOf(actor)} installed Curfew on ${subject}.`,
  'target.checked': ({ actor, subject, body }, nameOf) =>
    `${nameOf(actor)} checked ${subject}, which ${body.ok ? 'is in order' : 'is not in order'}.`,
  'target.uninstalled': ({ actor, subject }, nameOf) => `${nameOf(actor)} took Curfew off ${subject}.`,
  'role.cleaned': ({ body }) =>
    `What the grantee had made in ${body.database} of ${body.target}, ${many(body.total, 'object')}, has another owner.`,
  'role.dropped': ({ body }) => `The ended login was dropped from ${body.target}.`,
  'role.kept': ({ body }) => `The ended login stays on ${body.target} for now, powerless: ${body.cause}.`,
  'finding.met': ({ subject, body }) => `Found at ${subject}: ${body.kind}.`,
  'finding.gone': ({ subject, body }) => `Not found any more at ${subject}: ${body.kind}.`,
  'alarm.raised': ({ subject, body }) => `An alarm was raised about ${subject}: ${body.code}.`,
  'alarm.resolved': ({ subject, body }) => `The alarm ${body.key} about ${subject} was resolved.`,
  'store.recovered': ({ actor, body }, nameOf) =>
    `${nameOf(actor)} recovered a store that had come back from a backup: ${many(body.closed, 'request')} closed, people ${body.people}.`,
};
