/** One request as it went, for a person: what the log says, and what its Workflow did besides. */
import type { NameOf } from '../../domain/events/entry.ts';
import { sentenceOf } from '../../domain/events/sentence.ts';
import { formatInstant } from '../../domain/time.ts';
import type { LogEntry } from './compare.ts';
import type { Happening } from './happenings.ts';

/** `both`: the entry and the event say the same thing. Epoch ms; an entry's own time where there is one. */
export type Line = {
  readonly at: number;
  readonly where: 'log' | 'Workflow' | 'both';
  readonly what: string;
  readonly entry?: number;
  /** The event's number, in this run. */
  readonly event?: number;
  readonly run?: string;
};

export type Run = { readonly runId: string; readonly happenings: readonly Happening[] };

/** In the order in which it happened. What nobody but the Workflow needs to know, as messages to people, is left out. */
export function timelineOf(
  subject: string,
  entries: readonly LogEntry[],
  runs: readonly Run[],
  nameOf: NameOf,
): readonly Line[] {
  const events = runs.flatMap(({ runId, happenings }) => happenings.map((one) => ({ ...one, runId })));
  const met = new Map(events.flatMap((one) => (keyOf(one) === undefined ? [] : [[keyOf(one), one] as const])));
  const said = new Set<string | undefined>();
  const logged = entries.map((entry): Line => {
    const key = keyOfEntry(entry);
    const event = key === undefined ? undefined : met.get(key);
    said.add(key);
    const line = { at: entry.atMs, what: sentenceOf({ ...entry, subject }, nameOf), entry: entry.id };
    return event ? { ...line, where: 'both', event: event.event, run: event.runId } : { ...line, where: 'log' };
  });
  const others = events.flatMap((one): readonly Line[] => {
    const key = keyOf(one);
    const what = key !== undefined && said.has(key) ? undefined : sentence(one, nameOf);
    return what === undefined ? [] : [{ at: one.at, where: 'Workflow', what, event: one.event, run: one.runId }];
  });
  return [...logged, ...others].toSorted((one, other) => one.at - other.at);
}

type Of = Readonly<Record<string, unknown>>;
const field = (of: unknown, name: string): unknown =>
  typeof of === 'object' && of !== null ? (of as Of)[name] : undefined;
const id = (of: unknown, name: string): string => {
  const value = field(of, name);
  return typeof value === 'string' ? value : '';
};

/** What an entry and an event have in common when they are about the same thing. */
function keyOfEntry({ kind, body }: LogEntry): string | undefined {
  switch (kind) {
    case 'request.opened':
      return 'opened';
    case 'decision.made':
      return `decision ${id(body, 'decision')}`;
    case 'decision.voided':
      return `void ${id(body, 'decision')}`;
    case 'claim.accepted':
      return `claim ${id(body, 'credential')}`;
    case 'grant.made':
      return 'grant';
    case 'extension.made':
      return `extended ${id(body, 'extension')}`;
    case 'grant.ended':
      return 'revoke';
    default:
      return undefined;
  }
}

function keyOf(one: Happening): string | undefined {
  if (one.kind === 'started') return 'opened';
  if (one.kind === 'called' && one.answer) {
    if (one.activity === 'grant' || one.activity === 'revoke') return one.activity;
    if (one.activity === 'extend') return `extended ${id(one.input, 'extensionId')}`;
  }
  if (one.kind !== 'told' || one.refusedBy !== undefined) return undefined;
  if (one.name === 'decide') return `decision ${id(one.said, 'decisionId')}`;
  if (one.name === 'claim') return `claim ${id(one.said, 'credentialId')}`;
  return one.name === 'voidDecisions' ? `void ${id(one.said, 'decisionId')}` : undefined;
}

const named: Readonly<Record<string, string>> = {
  decide: 'a decision',
  claim: 'a claim',
  extend: 'an extension',
  release: 'a release',
  withdraw: 'a withdrawal',
  revoke: 'an order to end it',
  voidDecisions: 'a decision taken back',
};
const done: Readonly<Record<string, string>> = {
  grant: 'make the login',
  extend: 'move the end',
  revoke: 'end the login',
};

function sentence(one: Happening, nameOf: NameOf): string | undefined {
  switch (one.kind) {
    case 'started':
      return 'The Workflow started.';
    case 'told': {
      const actor = id(one.said, 'actor') || id(field(field(one.said, 'facts'), 'person'), 'id');
      const by = actor === '' ? '' : `, by ${nameOf(actor)}`;
      const what = `${named[one.name] ?? `"${one.name}"`}${by}`;
      return one.refusedBy === undefined
        ? `The Workflow was told of ${what}.`
        : `The Workflow refused ${what}: ${one.refusedBy}.`;
    }
    case 'asked':
      return undefined;
    case 'called': {
      const what = done[one.activity];
      if (what === undefined) return undefined;
      const endAt = field(one.answer, 'endAt');
      const until = typeof endAt === 'number' ? `, until ${formatInstant(endAt)}` : '';
      return one.answer
        ? `The target was asked to ${what}, and did${until}.`
        : `The target was asked to ${what}; no answer came of it.`;
    }
    case 'ended':
      return `The Workflow ended: ${one.outcome ?? one.how}.`;
  }
}
