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
 * a grant whose answer was lost; an end that the reaper or the reconciler recorded after the Workflow was gone, or somebody
 * else while it was about to end by itself; what another run of the same Workflow did, where an operator reset it.
 */
import { notCounted, toldDiffers, type Told } from './compare-told.ts';
import { field, unequal, type Difference, type LogEntry } from './difference.ts';
import type { Happening } from './happenings.ts';

export type { Difference, LogEntry } from './difference.ts';

/**
 * @param entries of the request, in the order of the log
 * @param happenings of one run of its Workflow, whole; several runs (somebody reset it) are compared one by one
 * @param others of the other runs: the log tells of all of them as of one
 */
export function differencesOf(
  entries: readonly LogEntry[],
  happenings: readonly Happening[],
  others: readonly Happening[] = [],
): readonly Difference[] {
  const counted = happenings.filter((one): one is Told => one.kind === 'told' && one.refusedBy === undefined);
  return [
    ...opened(entries, happenings),
    ...counted.flatMap((told) => toldDiffers(entries, told)),
    ...notCounted(entries, happenings, counted, others),
    ...effects(entries, happenings, others),
    ...ending(entries, happenings, others),
  ];
}

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

const activities = [
  { activity: 'grant', kind: 'grant.made', about: 'grant' },
  { activity: 'extend', kind: 'extension.made', about: 'extension' },
  { activity: 'revoke', kind: 'grant.ended', about: 'end' },
] as const;

/** What was done to the target: the log's word for each, and the Workflow's order. */
function effects(
  entries: readonly LogEntry[],
  happenings: readonly Happening[],
  others: readonly Happening[],
): readonly Difference[] {
  const byItself = happenings.some((one) => one.kind === 'ended' && one.how === 'completed');
  const recorded = happenings.some((one) => one.kind === 'told' && field(one.said, 'recorded') === true);
  return activities.flatMap(({ activity, kind, about }) => {
    const asked = [...happenings, ...others].filter((one) => one.kind === 'asked' && one.activity === activity);
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

function ending(
  entries: readonly LogEntry[],
  happenings: readonly Happening[],
  others: readonly Happening[],
): readonly Difference[] {
  const ended = happenings.find((one) => one.kind === 'ended');
  if (ended?.kind !== 'ended' || ended.outcome === undefined) return [];
  const closing = entries.filter(({ kind }) => kind === 'request.closed' || kind === 'grant.ended');
  const [entry] = closing;
  if (!entry) {
    const sentence = `The Workflow ended (${ended.outcome}), and the log does not say that the request did.`;
    return [{ about: 'end', sentence, event: ended.event }];
  }
  if (closing.some(({ body }) => field(body, 'outcome') === ended.outcome)) return [];
  const runs = others.flatMap((one) => (one.kind === 'ended' && one.outcome !== undefined ? [one.outcome] : []));
  if (closing.some(({ body }) => runs.some((outcome) => outcome === field(body, 'outcome')))) return [];
  if (isEndedByOthers(entries, entry)) return [];
  return unequal(
    'end',
    { event: ended.event, entry: entry.id },
    {
      outcome: [field(entry.body, 'outcome') ?? null, ended.outcome],
    },
  );
}

const leaving: readonly unknown[] = ['left', 'suspended'];
const overOnTarget: readonly unknown[] = ['gone-grant', 'request-without-workflow', 'workflow-is-over'];

/**
 * Did somebody else record this end, and say so before? What a leaver holds is ended together, and the reconciler records
 * what it finds gone; a Workflow that has begun to end by itself at that moment finds its end recorded, under another word.
 */
function isEndedByOthers(entries: readonly LogEntry[], end: LogEntry): boolean {
  if (end.kind !== 'grant.ended') return false;
  const before = entries.slice(0, entries.indexOf(end));
  const asked = before.some(({ kind, body }) => kind === 'end.asked' && leaving.includes(field(body, 'cause')));
  if (asked && field(end.body, 'outcome') === 'revoked') return true;
  return before.some(({ kind, body }) => kind === 'finding.met' && overOnTarget.includes(field(body, 'kind')));
}
