/** What a request's Workflow was told, held against the log: point 1 of `compare.ts`, both ways. */
import { minuteMs, secondMs } from '../../domain/time.ts';
import { field, shown, unequal, withArticle, type Difference, type LogEntry } from './difference.ts';
import type { Happening } from './happenings.ts';

/** The clocks of store and Temporal are two. */
const clocksApartMs = 5 * minuteMs;
/** What is recorded is sent at once; so long before the Workflow has moved on it was in time. */
const sentWithinMs = 30 * secondMs;

export type Told = Extract<Happening, { kind: 'told' }>;

/** What each message is called in a sentence, in which kind of entry it stands, and by which field. */
const messages: Readonly<Record<string, { about: string; kind: string; inLog: string; inHistory: string }>> = {
  decide: { about: 'decision', kind: 'decision.made', inLog: 'decision', inHistory: 'decisionId' },
  claim: { about: 'claim', kind: 'claim.accepted', inLog: 'credential', inHistory: 'credentialId' },
  extend: { about: 'extension', kind: 'extension.asked', inLog: 'extension', inHistory: 'extensionId' },
  voidDecisions: {
    about: 'withdrawal of a decision',
    kind: 'decision.voided',
    inLog: 'decision',
    inHistory: 'decisionId',
  },
};
const orders: Readonly<Record<string, string>> = { release: 'release', withdraw: 'withdrawal', revoke: 'order to end' };
const endKinds: readonly string[] = ['end.asked', 'condition.ended'];
/** By the reconciler, which tells a Workflow of what it found and wrote down. */
const foundKinds: readonly string[] = [...endKinds, 'finding.met'];
const personal = /^[0-9a-f]{8}-/;

/** Something that the Workflow counted: is it in the log, by the same person and with the same content? */
export function toldDiffers(entries: readonly LogEntry[], told: Told): readonly Difference[] {
  const { name, said, event } = told;
  const order = orders[name];
  if (order !== undefined) return orderDiffers(entries, told, order);
  const message = messages[name];
  if (!message) return [];
  const { about, kind, inLog, inHistory } = message;
  const id = field(said, inHistory);
  // Without an id: whatever somebody approved. The log has an entry for each, and the Workflow had none of them to name.
  if (name === 'voidDecisions' && id === undefined) return [];
  const entry = entries.find((one) => one.kind === kind && field(one.body, inLog) === id);
  if (!entry) {
    const sentence = `The Workflow counted ${withArticle(about)} (${shown(id)}) of which the log knows nothing.`;
    return [{ about, sentence, event }];
  }
  const late = entry.atMs > told.at + clocksApartMs;
  const time = late
    ? [{ about, sentence: `The log has the ${about} after the Workflow had counted it.`, event, entry: entry.id }]
    : [];
  return [...time, ...unequal(about, { event, entry: entry.id }, contents(name, entry, said))];
}

function contents(name: string, entry: LogEntry, said: unknown): Readonly<Record<string, readonly [unknown, unknown]>> {
  const both = (...names: readonly string[]) =>
    Object.fromEntries(names.map((each) => [each, [field(entry.body, each), field(said, each)] as const]));
  if (name === 'decide') {
    const person = field(field(field(said, 'facts'), 'person'), 'id');
    return { person: [entry.actor, person], ...both('verdict', 'digest', 'stage', 'madeAt') };
  }
  return name === 'extend' ? both('endAt') : {};
}

function orderDiffers(entries: readonly LogEntry[], { said, event }: Told, about: string): readonly Difference[] {
  const actor = field(said, 'actor');
  const isPersonal = typeof actor === 'string' && personal.test(actor);
  const known = isPersonal
    ? entries.some((one) => endKinds.includes(one.kind) && one.actor === actor)
    : entries.some((one) => foundKinds.includes(one.kind));
  if (known) return [];
  return [
    {
      about,
      sentence: `The Workflow was told of ${withArticle(about)} by ${shown(actor)}, of which the log knows nothing.`,
      event,
    },
  ];
}

const isTold = (one: Happening): one is Told => one.kind === 'told';

/** What the log has and no run of the Workflow ever counted, though it was in time. */
export function notCounted(
  entries: readonly LogEntry[],
  happenings: readonly Happening[],
  counted: readonly Told[],
  others: readonly Happening[],
): readonly Difference[] {
  const told = [...happenings, ...others].filter(isTold);
  const over = happenings.find((one) => one.kind === 'ended')?.at ?? Infinity;
  const decided = counted.find(({ name, state }) => name === 'decide' && state !== undefined && state !== 'awaiting');
  const ordered = happenings.filter(isTold).find(({ name }) => name in orders)?.at ?? Infinity;
  const until = {
    'decision.made': Math.min(over, decided?.at ?? Infinity, ordered),
    'claim.accepted': Math.min(over, ordered),
  } as const;
  return entries.flatMap((entry) => {
    const end = entry.kind === 'decision.made' || entry.kind === 'claim.accepted' ? until[entry.kind] : undefined;
    const message = Object.values(messages).find(({ kind }) => kind === entry.kind);
    if (end === undefined || !message) return [];
    const id = field(entry.body, message.inLog);
    if (told.some(({ said }) => field(said, message.inHistory) === id)) return [];
    // It is sent after it is recorded, and may arrive when nothing is open any more: then it is taken back.
    if (entry.atMs > end - sentWithinMs || isTakenBack(entries, entry, id)) return [];
    const { about } = message;
    return [
      {
        about,
        sentence: `The log has ${withArticle(about)} (${shown(id)}) that the Workflow was never told of.`,
        entry: entry.id,
      },
    ];
  });
}

const isTakenBack = (entries: readonly LogEntry[], { kind }: LogEntry, id: unknown): boolean =>
  entries.some(({ kind: other, body }) =>
    kind === 'decision.made'
      ? other === 'decision.voided' && field(body, 'decision') === id
      : other === 'end.asked' && field(body, 'refused') !== undefined,
  );
