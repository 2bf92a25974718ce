/**
 * Where the log and a request's history differ. They are written by different hands: the log by whoever decided, granted
 * and ended, in the transaction of the change; the history by Temporal, of what the Workflow was told and did. So a
 * change of one of them shows, unless the other was changed to match.
 *
 * 1. What the Workflow counted (an approval, a claim, an extension, an order to end) is in the log, by the same person
 *    and with the same content (I6, I7).
 * 2. What the log says was done to the target (granted, extended, ended) the Workflow had asked for (I11, I19).
 * 3. Both say the same of how it ended.
 *
 * What is no difference: a decision or a claim that the log has and that came too late for the Workflow, or was taken back;
 * a grant whose answer was lost; an end that the reaper or the reconciler recorded after the Workflow was gone.
 */
import { minuteMs, secondMs } from '../../domain/time.ts';
import type { Happening } from './happenings.ts';

/** An entry as the log has it; `atMs`: epoch ms. */
export type LogEntry = {
  readonly id: number;
  readonly atMs: number;
  readonly kind: string;
  readonly actor: string;
  readonly body: unknown;
};

/** `event` and `entry`: which, by number, where there is one. The sentence names people by their ids. */
export type Difference = {
  readonly about: string;
  readonly sentence: string;
  readonly event?: number;
  readonly entry?: number;
};

/** The clocks of store and Temporal are two. */
const clocksApartMs = 5 * minuteMs;
/** What is recorded is sent at once; so long before the Workflow has moved on it was in time. */
const sentWithinMs = 30 * secondMs;

type Told = Extract<Happening, { kind: 'told' }>;

/**
 * @param entries of the request, in the order of the log
 * @param happenings of one run of its Workflow, whole; several runs (somebody reset it) are compared one by one
 */
export function differencesOf(entries: readonly LogEntry[], happenings: readonly Happening[]): readonly Difference[] {
  const counted = happenings.filter((one): one is Told => one.kind === 'told' && one.refusedBy === undefined);
  return [
    ...opened(entries, happenings),
    ...counted.flatMap((told) => toldDiffers(entries, told)),
    ...notCounted(entries, happenings, counted),
    ...effects(entries, happenings),
    ...ending(entries, happenings),
  ];
}

const field = (of: unknown, name: string): unknown =>
  typeof of === 'object' && of !== null ? (of as Readonly<Record<string, unknown>>)[name] : undefined;
const withArticle = (noun: string): string => `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;
const shown = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));

/** Fields that both have, and that are not equal. What an older entry does not say yet is no difference. */
const unequal = (
  about: string,
  where: { readonly event: number; readonly entry: number },
  pairs: Readonly<Record<string, readonly [inLog: unknown, inHistory: unknown]>>,
): readonly Difference[] =>
  Object.entries(pairs).flatMap(([name, [inLog, inHistory]]) =>
    inLog === undefined || shown(inLog) === shown(inHistory)
      ? []
      : [
          {
            about,
            sentence: `Of the ${about}, the log has ${shown(inLog)} as ${name}, and the history ${shown(inHistory)}.`,
            ...where,
          },
        ],
  );

function opened(entries: readonly LogEntry[], happenings: readonly Happening[]): readonly Difference[] {
  const entry = entries.find(({ kind }) => kind === 'request.opened');
  const started = happenings.find((one) => one.kind === 'started');
  if (!started) return [];
  if (!entry)
    return [{ about: 'opening', sentence: 'The Workflow ran; the log has no such request.', event: started.event }];
  const { input } = started;
  const plan = field(input, 'plan');
  return unequal(
    'opening',
    { event: started.event, entry: entry.id },
    {
      requester: [entry.actor, field(field(input, 'requester'), 'id')],
      target: [field(entry.body, 'target'), field(input, 'target')],
      digest: [field(entry.body, 'digest'), field(input, 'digest')],
      policy: [field(entry.body, 'policy'), field(plan, 'policy')],
      verdict: [field(entry.body, 'verdict'), field(plan, 'verdict')],
    },
  );
}

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
const personal = /^[0-9a-f]{8}-/;

function toldDiffers(entries: readonly LogEntry[], told: Told): readonly Difference[] {
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
  const asked = entries.filter(({ kind }) => endKinds.includes(kind));
  const known = typeof actor === 'string' && personal.test(actor) ? asked.some((one) => one.actor === actor) : asked[0];
  if (known) return [];
  return [
    {
      about,
      sentence: `The Workflow was told of ${withArticle(about)} by ${shown(actor)}, of which the log knows nothing.`,
      event,
    },
  ];
}

/** What the log has and the Workflow never counted, though it was in time. */
function notCounted(
  entries: readonly LogEntry[],
  happenings: readonly Happening[],
  counted: readonly Told[],
): readonly Difference[] {
  const told = happenings.filter((one): one is Told => one.kind === 'told');
  const over = happenings.find((one) => one.kind === 'ended')?.at ?? Infinity;
  const decided = counted.find(({ name, state }) => name === 'decide' && state !== undefined && state !== 'awaiting');
  const ordered = told.find(({ name }) => name in orders)?.at ?? Infinity;
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

const activities = [
  { activity: 'grant', kind: 'grant.made', about: 'grant' },
  { activity: 'extend', kind: 'extension.made', about: 'extension' },
  { activity: 'revoke', kind: 'grant.ended', about: 'end' },
] as const;

/** What was done to the target: the log's word for each, and the Workflow's order. */
function effects(entries: readonly LogEntry[], happenings: readonly Happening[]): readonly Difference[] {
  const byItself = happenings.some((one) => one.kind === 'ended' && one.how === 'completed');
  const recorded = happenings.some((one) => one.kind === 'told' && field(one.said, 'recorded') === true);
  return activities.flatMap(({ activity, kind, about }) => {
    const asked = happenings.filter((one) => one.kind === 'asked' && one.activity === activity);
    const done = happenings.filter((one) => one.kind === 'called' && one.activity === activity && one.answer);
    const logged = entries.filter((one) => one.kind === kind);
    const [entry] = logged;
    const found: Difference[] = [];
    if (entry && asked.length === 0 && byItself && !(activity === 'revoke' && recorded))
      found.push({ about, sentence: `The log has a ${kind} that no Workflow had asked for.`, entry: entry.id });
    for (const one of done) {
      if (!entry) {
        found.push({
          about,
          sentence: `The Workflow had the ${about} done, and the log has no ${kind}.`,
          event: one.event,
        });
        continue;
      }
      if (activity === 'revoke' || one.kind !== 'called') continue;
      const endAt = field(one.answer, 'endAt');
      const same = logged.some(({ body }) => field(body, 'endAt') === endAt);
      if (!same)
        found.push(
          ...unequal(about, { event: one.event, entry: entry.id }, { endAt: [field(entry.body, 'endAt'), endAt] }),
        );
    }
    return found;
  });
}

function ending(entries: readonly LogEntry[], happenings: readonly Happening[]): readonly Difference[] {
  const ended = happenings.find((one) => one.kind === 'ended');
  if (ended?.kind !== 'ended' || ended.outcome === undefined) return [];
  const closing = entries.filter(({ kind }) => kind === 'request.closed' || kind === 'grant.ended');
  const [entry] = closing;
  if (!entry) {
    const sentence = `The Workflow ended (${ended.outcome}), and the log does not say that the request did.`;
    return [{ about: 'end', sentence, event: ended.event }];
  }
  if (closing.some(({ body }) => field(body, 'outcome') === ended.outcome)) return [];
  return unequal(
    'end',
    { event: ended.event, entry: entry.id },
    {
      outcome: [field(entry.body, 'outcome') ?? null, ended.outcome],
    },
  );
}
