import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PersonId } from '../domain/ids.ts';
import * as absences from '../store/absences.ts';
import * as onCall from '../store/on-call.ts';
import * as people from '../store/people.ts';
import type { Store } from '../store/pool.ts';
import { addPerson } from './support/store-sample.ts';
import { startStore, type TestStore } from './support/store.ts';

let store: TestStore;
let directory: Store;
let api: Store;
beforeAll(async () => {
  store = await startStore();
  directory = store.as.curfew_directory;
  api = store.as.curfew_api;
});
afterAll(() => store.end());

const hourMs = 3_600_000;
let count = 0;
const person = (change: Partial<people.PersonChange> = {}): Promise<PersonId> =>
  addPerson(directory, `someone-${(count += 1)}`, change);
const factsOf = async (id: PersonId) => (await people.factsOf(api, id)) ?? expect.fail('nobody');

/** Away from an hour ago until in an hour, unless said otherwise. */
const away = (who: PersonId, delegate: PersonId | null, change: Partial<absences.NewAbsence> = {}): Promise<boolean> =>
  absences.insert(api, {
    id: randomUUID(),
    person: who,
    delegate,
    fromAt: Date.now() - hourMs,
    untilAt: Date.now() + hourMs,
    madeBy: who,
    ...change,
  });
const standsInFor = async (id: PersonId): Promise<readonly PersonId[]> =>
  ((await factsOf(id)).standsInFor ?? []).map((one) => one.id);

test('facts of somebody of whom nothing special is known carry no field for it', async () => {
  const facts = await factsOf(await person());
  expect(Object.keys(facts).toSorted()).toEqual(['addedBy', 'aliases', 'groups', 'id', 'kind', 'manager', 'state']);
});

test('the manager of the manager is known, and nobody above the top', async () => {
  const top = await person();
  const middle = await person({ manager: top });
  expect((await factsOf(await person({ manager: middle }))).managersManager).toBe(top);
  expect((await factsOf(middle)).managersManager).toBeUndefined();
});

test('somebody is on call from the first instant of a shift until its last, on each schedule once', async () => {
  const [now, before, after, twice] = await Promise.all([person(), person(), person(), person()]);
  const at = Date.now();
  const shift = (schedule: string, who: PersonId, from: number, until: number) => ({
    schedule,
    person: who,
    fromAt: at + from,
    untilAt: at + until,
  });
  await directory.transaction((tx) =>
    onCall.replace(tx, 'one', [
      shift('payments', now, -hourMs, hourMs),
      shift('payments', before, -2 * hourMs, -1_000),
      shift('payments', after, hourMs, 2 * hourMs),
      shift('zeta', twice, -hourMs, hourMs),
      shift('alpha', twice, -hourMs, hourMs),
      shift('alpha', twice, -2 * hourMs, hourMs),
    ]),
  );
  expect((await factsOf(now)).onCall).toEqual(['payments']);
  expect((await factsOf(before)).onCall).toBeUndefined();
  expect((await factsOf(after)).onCall).toBeUndefined();
  expect((await factsOf(twice)).onCall).toEqual(['alpha', 'zeta']);
  expect(await people.peopleMatching(api, [{ kind: 'on-call', schedule: 'payments' }])).toEqual([now]);
});

test('an import replaces what the same source said, and nothing that another one said', async () => {
  const [ada, ben] = await Promise.all([person(), person()]);
  const span = { fromAt: Date.now() - hourMs, untilAt: Date.now() + hourMs };
  const say = (source: string, who: readonly PersonId[]) =>
    directory.transaction((tx) =>
      onCall.replace(
        tx,
        source,
        who.map((one) => ({ schedule: 'night', person: one, ...span })),
      ),
    );
  await say('calendar', [ada]);
  await say('file', [ada]);
  expect(await say('calendar', [ben])).toEqual({ removed: 1 });
  expect((await factsOf(ada)).onCall).toEqual(['night']);
  await say('file', []);
  expect((await factsOf(ada)).onCall).toBeUndefined();
  expect(await people.peopleMatching(api, [{ kind: 'on-call', schedule: 'night' }])).toEqual([ben]);
});

test('shifts that touch are one shift, and a gap ends it', async () => {
  const ada = await person();
  const at = 1_900_000_000_000;
  const shift = (from: number, until: number) => ({ schedule: 'touch', person: ada, fromAt: from, untilAt: until });
  await directory.transaction((tx) =>
    onCall.replace(tx, 'touching', [shift(at - 10, at + 10), shift(at + 10, at + 20), shift(at + 21, at + 30)]),
  );
  expect(await onCall.shiftEndOf(api, { schedule: 'touch', person: ada }, at)).toBe(at + 20);
  expect(await onCall.shiftEndOf(api, { schedule: 'touch', person: ada }, at + 20)).toBeUndefined();
  expect(await onCall.shiftEndOf(api, { schedule: 'other', person: ada }, at)).toBeUndefined();
});

test('a delegate stands in with all that is known of the delegator, and is found where these are named', async () => {
  const boss = await person();
  const delegator = await person({
    kind: 'contractor',
    manager: boss,
    groups: [{ name: 'owners-of-it', by: boss }],
  });
  const delegate = await person();
  await directory.transaction((tx) =>
    onCall.replace(tx, 'deputies', [
      { schedule: 'deputies', person: delegator, fromAt: Date.now() - hourMs, untilAt: Date.now() + hourMs },
    ]),
  );
  await away(delegator, delegate);
  expect((await factsOf(delegator)).away).toBe(true);
  const facts = await factsOf(delegate);
  expect(facts.away).toBeUndefined();
  expect(facts.standsInFor).toEqual([
    {
      id: delegator,
      state: 'active',
      kind: 'contractor',
      manager: boss,
      groups: ['owners-of-it'],
      aliases: [],
      addedBy: [{ group: 'owners-of-it', by: boss }],
      onCall: ['deputies'],
      by: delegator,
    },
  ]);
  const both = [delegator, delegate].toSorted();
  expect(await people.peopleMatching(api, [{ kind: 'group', group: 'owners-of-it' }])).toEqual(both);
  expect(await people.peopleMatching(api, [{ kind: 'person', person: delegator }])).toEqual(both);
  expect(await people.peopleMatching(api, [{ kind: 'on-call', schedule: 'deputies' }])).toEqual(both);
});

test('an absence counts while it lasts: not before, not after, and not once it was ended', async () => {
  const delegate = await person();
  const [coming, over, ended, now] = await Promise.all([person(), person(), person(), person()]);
  await away(coming, delegate, { fromAt: Date.now() + hourMs, untilAt: Date.now() + 2 * hourMs });
  await away(over, delegate, { fromAt: Date.now() - 2 * hourMs, untilAt: Date.now() - 1_000 });
  await away(ended, delegate);
  await away(now, delegate);
  expect(await absences.endOf(api, ended, Date.now())).toHaveLength(1);
  expect(await standsInFor(delegate)).toEqual([now]);
  expect((await absences.of(api, coming, Date.now())).map(({ delegate: who }) => who)).toEqual([delegate]);
  expect(await absences.of(api, over, Date.now())).toEqual([]);
  expect(await absences.of(api, ended, Date.now())).toEqual([]);
});

test('delegation has depth 1: the delegate of a delegate stands in for the delegate only', async () => {
  const [first, second, third] = await Promise.all([person(), person(), person()]);
  await away(first, second);
  await away(second, third);
  expect(await standsInFor(second)).toEqual([first]);
  expect(await standsInFor(third)).toEqual([second]);
});

test('of two who named each other neither stands in for the other, by whichever account', async () => {
  const [ada, ben] = await Promise.all([person(), person()]);
  await away(ada, ben);
  await away(ben, ada);
  expect(await standsInFor(ada)).toEqual([]);
  expect(await standsInFor(ben)).toEqual([]);

  const [cleo, dan] = await Promise.all([person(), person()]);
  const second = await person({ aliases: [dan] });
  await away(cleo, dan);
  await away(second, cleo);
  expect(await standsInFor(dan)).toEqual([]);
  expect(await standsInFor(cleo)).toEqual([]);
});

test('nobody stands in for themselves through another account (I6)', async () => {
  const ada = await person();
  const other = await person({ aliases: [ada] });
  await away(ada, other);
  expect(await standsInFor(other)).toEqual([]);
  expect((await factsOf(other)).away).toBe(true);
});

test('a delegator who has left in any of their accounts is told as gone (I9)', async () => {
  const delegate = await person();
  const delegator = await person();
  await person({ aliases: [delegator], state: 'left' });
  await away(delegator, delegate);
  expect((await factsOf(delegate)).standsInFor).toMatchObject([{ id: delegator, state: 'left' }]);
});

test('the groups of their other accounts are known, of those they stand in for as well', async () => {
  const ada = await person({ groups: [{ name: 'owners' }] });
  const hat = await person({ aliases: [ada], groups: [{ name: 'auditors' }, { name: 'owners' }] });
  const delegate = await person();
  await away(ada, delegate);
  expect(await factsOf(ada)).toMatchObject({ groups: ['owners'], otherGroups: ['auditors'] });
  expect(await factsOf(hat)).not.toHaveProperty('otherGroups');
  expect((await factsOf(delegate)).standsInFor).toMatchObject([{ id: ada, otherGroups: ['auditors'] }]);
});

test('an absence is ended once and never changed: by no login', async () => {
  const ada = await person();
  await away(ada, null);
  await absences.endOf(api, ada, Date.now());
  const undo = 'update curfew.absence set ended_at = null where person = $1';
  await expect(api.query(undo, [ada])).rejects.toMatchObject({ sqlstate: 'CFS01' });
  await expect(directory.query(undo, [ada])).rejects.toMatchObject({ sqlstate: 'CFS01' });
});

test('whoever leaves delegates to nobody and decides for nobody any more', async () => {
  const [ada, ben, cleo] = await Promise.all([person(), person(), person()]);
  await away(ada, ben);
  await away(cleo, ada);
  await away(cleo, ben);
  expect(await directory.transaction((tx) => absences.endAllWith(tx, ada))).toHaveLength(2);
  expect(await standsInFor(ben)).toEqual([cleo]);
  expect(await standsInFor(ada)).toEqual([]);
});

test('facts of many are those of each', async () => {
  const ids = (await people.list(directory)).map(({ id }) => id);
  const many = new Map((await people.factsOfMany(api, ids)).map((one) => [one.id, one]));
  expect(many.size).toBe(ids.length);
  for (const id of ids) expect(many.get(id)).toEqual(await factsOf(id));
});
