/** Where a request's log and its Workflow's history differ: each kind of difference is planted, and named. */
import { describe, expect, test } from 'vitest';
import { differencesOf, type LogEntry } from '../audit/history/compare.ts';
import { bundlesOf, buildIdOf, parseHistory, valuesOf } from '../audit/history/events.ts';
import { happeningsOf, type Happening } from '../audit/history/happenings.ts';
import { timelineOf } from '../audit/history/timeline.ts';
import { goldenOf } from './support/histories.ts';
import { logOf } from './support/log-of.ts';

const golden = new Map(
  goldenOf('accessRequest').map(({ name, history }) => [
    name,
    happeningsOf(parseHistory(Buffer.from(JSON.stringify(history), 'utf8'))),
  ]),
);
const of = (name: string): readonly Happening[] => golden.get(name) ?? expect.fail(`no golden history ${name}`);

test.each([...golden.keys()])('a log that says what the history of %s says does not differ from it', (name) => {
  const happenings = of(name);
  expect(happenings[0]?.kind).toBe('started');
  expect(happenings.at(-1)?.kind).toBe('ended');
  expect(differencesOf(logOf(happenings), happenings)).toEqual([]);
});

type Change = (entries: readonly LogEntry[]) => readonly LogEntry[];
const without =
  (...kinds: readonly string[]): Change =>
  (entries) =>
    entries.filter(({ kind }) => !kinds.includes(kind));
const changed =
  (kind: string, change: object, fields: Partial<LogEntry> = {}): Change =>
  (entries) =>
    entries.map((entry) =>
      entry.kind === kind ? { ...entry, ...fields, body: { ...(entry.body as object), ...change } } : entry,
    );
const also =
  (kind: string, body: object, atMs = (of('two-stages')[0]?.at ?? 0) + 1): Change =>
  (entries) => [...entries, { id: 99, atMs, kind, actor: 'somebody', body }];
const byLeave = { outcome: 'revoked', cause: 'the person left' };
/** Asked for, or found, right before the grant ended. */
const before =
  (kind: string, body: object): Change =>
  (entries) =>
    entries.flatMap((entry) =>
      entry.kind === 'grant.ended' ? [{ id: 98, atMs: entry.atMs, kind, actor: 'somebody', body }, entry] : [entry],
    );
const stranger = '00000000-0000-4000-8000-000000000000';

describe('of a log that was changed', () => {
  test.each<[what: string, history: string, change: Change, sentence: string]>([
    ['the request is missing', 'two-stages', without('request.opened'), 'the log has no such request'],
    ['another requester', 'two-stages', changed('request.opened', {}, { actor: stranger }), 'as requester'],
    ['another target', 'two-stages', changed('request.opened', { target: 'other' }), 'as target'],
    ['another digest', 'two-stages', changed('request.opened', { digest: 'f'.repeat(64) }), 'as digest'],
    ['another policy', 'two-stages', changed('request.opened', { policy: 'f'.repeat(64) }), 'as policy'],
    ['another verdict of the policy', 'two-stages', changed('request.opened', { verdict: 'automatic' }), 'as verdict'],
    ['an approval is missing', 'two-stages', without('decision.made'), 'counted a decision'],
    ['an approval by somebody else', 'two-stages', changed('decision.made', {}, { actor: stranger }), 'as person'],
    ['a denial that was an approval', 'denied', changed('decision.made', { verdict: 'approve' }), 'as verdict'],
    ['an approval of something else', 'two-stages', changed('decision.made', { digest: '0' }), 'as digest'],
    ['an approval of another stage', 'two-stages', changed('decision.made', { stage: 7 }), 'as stage'],
    ['an approval made at another time', 'two-stages', changed('decision.made', { madeAt: 1 }), 'as madeAt'],
    [
      'an approval that came later',
      'two-stages',
      changed('decision.made', {}, { atMs: 9e12 }),
      'after the Workflow had',
    ],
    ['one more approval', 'lapsed-undecided', also('decision.made', { decision: 'd' }, 1), 'was never told of'],
    ['the claim is missing', 'expired', without('claim.accepted'), 'counted a claim'],
    ['another claim', 'expired', also('claim.accepted', { credential: 'c' }, 1), 'was never told of'],
    ['the grant is missing', 'expired', without('grant.made'), 'has no grant.made'],
    ['a longer grant', 'expired', changed('grant.made', { endAt: 9e12 }), 'as endAt'],
    ['a grant that nobody asked for', 'denied', also('grant.made', { endAt: 1 }), 'no Workflow had asked for'],
    ['the end is missing', 'expired', without('grant.ended'), 'has no grant.ended'],
    ['an end that nobody asked for', 'denied', also('grant.ended', { outcome: 'denied' }), 'no Workflow had asked for'],
    ['another outcome', 'expired', changed('grant.ended', { outcome: 'released' }), 'as outcome'],
    ['the close is missing', 'denied', without('request.closed'), 'does not say that the request did'],
    ['another close', 'denied', changed('request.closed', { outcome: 'withdrawn' }), 'as outcome'],
    ['the release is missing', 'released', without('end.asked'), 'told of a release'],
    ['a release by somebody else', 'released', changed('end.asked', {}, { actor: stranger }), 'told of a release'],
    ['the withdrawal is missing', 'withdrawn', without('end.asked'), 'told of a withdrawal'],
    ['the order to end is missing', 'revoked', without('end.asked'), 'told of an order to end'],
    ['the extension is missing', 'extended', without('extension.asked'), 'counted an extension'],
    ['an extension to another end', 'extended', changed('extension.asked', { endAt: 1 }), 'as endAt'],
    ['the moved end is missing', 'extended', without('extension.made'), 'has no extension.made'],
    ['another moved end', 'extended', changed('extension.made', { endAt: 1 }), 'as endAt'],
    ['an end that nobody moved', 'expired', also('extension.made', { endAt: 1 }), 'no Workflow had asked for'],
    ['an end because of a leave of which it has nothing', 'expired', changed('grant.ended', byLeave), 'as outcome'],
    [
      'another outcome, of what was ended together',
      'expired',
      (log) => before('end.asked', { cause: 'left' })(changed('grant.ended', { outcome: 'released' })(log)),
      'as outcome',
    ],
    [
      'an end by an approver, of what expired',
      'expired',
      (log) => before('end.asked', { cause: 'revoked' })(changed('grant.ended', byLeave)(log)),
      'as outcome',
    ],
  ])('%s is named', (_, history, change, sentence) => {
    const happenings = of(history);
    const found = differencesOf(change(logOf(happenings)), happenings);
    expect(found.map((one) => one.sentence).join('\n')).toContain(sentence);
    for (const one of found) expect(one.entry ?? one.event).toBeTypeOf('number');
  });

  test('a decision that is taken back in the log, and that the Workflow was told of by its id, is named', () => {
    const happenings = of('voided-and-approved-again').map((one) =>
      one.kind === 'told' && one.name === 'voidDecisions' ? { ...one, said: { ...one.said, decisionId: 'd' } } : one,
    );
    const log = without('decision.voided')(logOf(happenings));
    expect(differencesOf(log, happenings).map(({ sentence }) => sentence)).toEqual([
      'The Workflow counted a withdrawal of a decision ("d") of which the log knows nothing.',
    ]);
  });
});

describe('of a history that was changed', () => {
  test('one more approval is named', () => {
    const happenings = of('two-stages');
    const approval = happenings.find((one) => one.kind === 'told' && one.name === 'decide');
    if (approval?.kind !== 'told') return expect.fail('nobody approved');
    const forged = { ...approval, said: { ...approval.said, decisionId: 'forged' } };
    expect(differencesOf(logOf(happenings), [...happenings, forged]).map(({ sentence }) => sentence)).toEqual([
      'The Workflow counted a decision ("forged") of which the log knows nothing.',
    ]);
  });

  test('another outcome is named', () => {
    const happenings = of('denied');
    const other = happenings.map((one) => (one.kind === 'ended' ? { ...one, outcome: 'expired' } : one));
    expect(differencesOf(logOf(happenings), other)).toHaveLength(1);
  });
});

describe('no difference is', () => {
  test('a decision that was recorded as the Workflow moved on, or that was taken back', () => {
    const happenings = of('denied');
    const over = happenings.at(-1)?.at ?? 0;
    const late = also('decision.made', { decision: 'late' }, over - 1_000);
    expect(differencesOf(late(logOf(happenings)), happenings)).toEqual([]);
    const early = also('decision.made', { decision: 'early' }, 1);
    expect(differencesOf(early(logOf(happenings)), happenings)).toHaveLength(1);
    const back = also('decision.voided', { decision: 'early' }, 2);
    expect(differencesOf(back(early(logOf(happenings))), happenings)).toEqual([]);
  });

  test('a decision that the Workflow itself refused', () => {
    const happenings = of('refused-then-denied');
    expect(happenings.some((one) => one.kind === 'told' && one.refusedBy !== undefined)).toBe(true);
    expect(differencesOf(logOf(happenings), happenings)).toEqual([]);
  });

  test('a grant whose answer was lost, and an end that others recorded where the Workflow was terminated', () => {
    const lost = of('expired').map((one) =>
      one.kind === 'called' && one.activity === 'grant' ? { ...one, answer: undefined } : one,
    );
    expect(differencesOf(logOf(of('expired')), lost)).toEqual([]);
    const terminated = of('two-stages').flatMap((one): readonly Happening[] => {
      if (one.kind === 'ended') return [{ kind: 'ended', how: 'terminated', event: one.event, at: one.at }];
      return (one.kind === 'asked' || one.kind === 'called') && one.activity === 'revoke' ? [] : [one];
    });
    expect(differencesOf(logOf(of('two-stages')), terminated)).toEqual([]);
  });

  test('an end that was recorded together with all that a leaver held, while the Workflow began to end by itself', () => {
    const log = before('end.asked', { cause: 'left' })(changed('grant.ended', byLeave)(logOf(of('expired'))));
    expect(differencesOf(log, of('expired'))).toEqual([]);
  });

  test('an end that the reconciler found and recorded, and told the Workflow of', () => {
    const found = before('finding.met', { kind: 'gone-grant', key: 'gone-grant/r', severity: 'high' });
    const log = found(changed('grant.ended', { outcome: 'failed' })(logOf(of('expired'))));
    const last = of('expired').at(-1);
    if (!last) return expect.fail('an empty history');
    const said = { actor: 'curfew_worker', cause: 'it is over on its target' };
    const order: Happening = { kind: 'told', name: 'revoke', said, event: last.event, at: last.at };
    const told = [...of('expired').slice(0, -1), order, last];
    expect(differencesOf(log, told)).toEqual([]);
    expect(differencesOf(without('finding.met')(log), told).map(({ about }) => about)).toEqual(['order to end', 'end']);
  });

  test('what another run did, where an operator reset the Workflow after its end (F13)', () => {
    const first = of('expired');
    const again = first.flatMap((one): readonly Happening[] => {
      if (one.kind === 'called' && one.activity === 'grant') return [{ ...one, answer: undefined }];
      return one.kind === 'ended' ? [{ ...one, outcome: 'failed' }] : [one];
    });
    const never = first.flatMap((one): readonly Happening[] => {
      if (one.kind === 'ended') return [{ ...one, outcome: 'lapsed' }];
      return one.kind === 'started' ? [one] : [];
    });
    for (const second of [again, never]) {
      expect(differencesOf(logOf(first), first, second)).toEqual([]);
      expect(differencesOf(logOf(first), second, first)).toEqual([]);
      expect(differencesOf(logOf(first), second)).not.toEqual([]);
    }
  });

  test('an end that was recorded before the Workflow was told', () => {
    const recorded = of('revoked').flatMap((one): readonly Happening[] => {
      if (one.kind === 'told' && one.name === 'revoke') return [{ ...one, said: { ...one.said, recorded: true } }];
      return (one.kind === 'asked' || one.kind === 'called') && one.activity === 'revoke' ? [] : [one];
    });
    expect(differencesOf(logOf(of('revoked')), recorded)).toEqual([]);
  });
});

test('a timeline says once what both say, in order, and tells who by the name that it is given', () => {
  const happenings = of('two-stages');
  const log = logOf(happenings);
  const lines = timelineOf('request', log, [{ runId: 'run', happenings }], (id) => `<${id.slice(0, 4)}>`);
  expect(lines.map(({ at }) => at)).toEqual(lines.map(({ at }) => at).toSorted((one, other) => one - other));
  const decisions = log.filter(({ kind }) => kind === 'decision.made');
  for (const { id, actor } of decisions) {
    const said = lines.filter(({ entry }) => entry === id);
    expect(said).toMatchObject([{ where: 'both', event: expect.any(Number) as number }]);
    expect(said[0]?.what).toContain(`<${actor.slice(0, 4)}>`);
  }
  expect(
    lines.filter(({ where }) => where === 'log').map(({ entry }) => log.find(({ id }) => id === entry)?.kind),
  ).toEqual([]);
  expect(lines.at(-1)).toMatchObject({ where: 'Workflow', what: 'The Workflow ended: expired.' });
});

const completed = (buildId: string | undefined, eventId: number) => ({
  eventId: String(eventId),
  eventTime: '2026-01-01T00:00:00Z',
  eventType: 'EVENT_TYPE_WORKFLOW_TASK_COMPLETED',
  workflowTaskCompletedEventAttributes: buildId === undefined ? {} : { workerVersion: { buildId } },
});

const events = (...ids: readonly (string | undefined)[]) => ({ events: ids.map(completed) });

test('a script is known by the name that Curfew gave it, and by no other', () => {
  const [a, b] = [buildIdOf('a'), buildIdOf('b')];
  const [hashA, hashB] = [a.slice(7), b.slice(7)];
  expect(bundlesOf(events(a, b, a))).toEqual({ all: [hashA, hashB], last: hashA });
  expect(bundlesOf(events(a, `@temporalio/worker@1.24.0+${hashB}`))).toEqual({ all: [hashA], last: undefined });
  expect(bundlesOf(events(undefined))).toEqual({ all: [], last: undefined });
});

const payload = (encoding: string, data: string) => ({
  metadata: { encoding: Buffer.from(encoding).toString('base64') },
  data: Buffer.from(data).toString('base64'),
});

test('what is no history is refused, and a payload that is no JSON is nothing', () => {
  for (const text of ['', '[]', '{}', '{"events":[]}', '{"events":[{}]}', '{"events":[{"eventId":1}]}'])
    expect(() => parseHistory(Buffer.from(text, 'utf8')), text).toThrow();
  expect(
    valuesOf({ payloads: [payload('json/plain', '1'), payload('json/plain', '{'), payload('binary/null', '')] }),
  ).toEqual([1, undefined, undefined]);
});
