import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Digest, ExtensionId, PersonId } from '../domain/ids.ts';
import * as absences from '../store/absences.ts';
import * as decisions from '../store/decisions.ts';
import * as extensionDecisions from '../store/extension-decisions.ts';
import * as extensions from '../store/extensions.ts';
import * as people from '../store/people.ts';
import { pairs, population } from '../store/reciprocity.ts';
import { addPerson, openRequest, sampleDecision, sha256 } from './support/store-sample.ts';
import { startStore, type TestStore } from './support/store.ts';

let store: TestStore;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.end());

const dayMs = 24 * 3_600_000;
let count = 0;
const person = (change: Partial<people.PersonChange> = {}): Promise<PersonId> =>
  addPerson(store.as.curfew_directory, `someone-${(count += 1)}`, change);
const reciprocal = async (id: PersonId): Promise<readonly PersonId[]> =>
  (await people.factsOf(store.as.curfew_api, id))?.reciprocal ?? [];

/** `approver` says yes to as many requests of `requester`. */
async function approves(approver: PersonId, requester: PersonId, times: number, madeAt = Date.now()): Promise<void> {
  for (let index = 0; index < times; index += 1) {
    const request = await openRequest(store.as.curfew_api, requester);
    await decisions.insert(store.as.curfew_api, sampleDecision(request, approver, { madeAt }), 0);
  }
}

test('two who mostly approve each other are a pair, told from both sides', async () => {
  const [ada, ben, cleo] = await Promise.all([person(), person(), person()]);
  await approves(ada, ben, 3);
  await approves(ben, ada, 3);
  await approves(cleo, ada, 3);
  expect(await reciprocal(ada)).toEqual([ben]);
  expect(await reciprocal(ben)).toEqual([ada]);
  expect(await reciprocal(cleo)).toEqual([]);
});

test('whoever stands in for one of a pair carries that pair along', async () => {
  const [ada, ben, deputy] = await Promise.all([person(), person(), person()]);
  await approves(ada, ben, 3);
  await approves(ben, ada, 3);
  const [fromAt, untilAt] = [Date.now() - 1_000, Date.now() + 60_000];
  const absence = { id: randomUUID(), person: ben, delegate: deputy, fromAt, untilAt, madeBy: ben };
  await store.as.curfew_directory.transaction((tx) => absences.insert(tx, absence));
  const facts = await people.factsOf(store.as.curfew_api, deputy);
  expect(facts?.reciprocal).toBeUndefined();
  expect(facts?.standsInFor).toEqual([expect.objectContaining({ id: ben, reciprocal: [ada] })]);
});

test('two approvals are too few, and less than half of what the other one got as well', async () => {
  const [ada, ben, cleo] = await Promise.all([person(), person(), person()]);
  await approves(ada, ben, 3);
  await approves(ben, ada, 2);
  expect(await reciprocal(ada)).toEqual([]);
  await approves(ben, ada, 1);
  expect(await reciprocal(ada)).toEqual([ben]);
  await approves(cleo, ada, 4);
  expect(await reciprocal(ada)).toEqual([]);
});

test('what is void, denied or older than 90 days does not count', async () => {
  const [ada, ben] = await Promise.all([person(), person()]);
  await approves(ada, ben, 3);
  await approves(ben, ada, 2);
  await approves(ben, ada, 3, Date.now() - 91 * dayMs);
  const [denied, voided] = [await openRequest(store.as.curfew_api, ada), await openRequest(store.as.curfew_api, ada)];
  await decisions.insert(store.as.curfew_api, sampleDecision(denied, ben, { verdict: 'deny' }), 0);
  const wrong = sampleDecision(voided, ben);
  await decisions.insert(store.as.curfew_api, wrong, 0);
  await decisions.voidOne(store.as.curfew_api, wrong, 'mistaken', ben);
  expect(await reciprocal(ada)).toEqual([]);
  await approves(ben, ada, 1);
  expect(await reciprocal(ada)).toEqual([ben]);
});

test('accounts of one human count together, and all of them are told (I6)', async () => {
  const ada = await person();
  const ben = await person();
  const second = await person({ aliases: [ben] });
  await approves(ada, ben, 2);
  await approves(ada, second, 1);
  await approves(second, ada, 2);
  await approves(ben, ada, 1);
  expect(await reciprocal(ada)).toEqual([ben, second].toSorted());
  expect(await reciprocal(ben)).toEqual([ada]);
  expect(await reciprocal(second)).toEqual([ada]);
});

test('approvals of extensions count like those of requests', async () => {
  const [ada, ben] = await Promise.all([person(), person()]);
  await approves(ada, ben, 3);
  await approves(ben, ada, 2);
  const request = await openRequest(store.as.curfew_api, ada);
  const id = randomUUID() as ExtensionId;
  const digest = sha256(id) as Digest;
  await extensions.insert(store.as.curfew_api, {
    id,
    requestId: request.id,
    requester: ada,
    number: 1,
    kind: 'asked',
    fromAt: 1,
    endAt: 2,
    plan: request.plan,
    reasonHash: null,
    digest,
    askedAt: Date.now(),
  });
  await extensionDecisions.insert(store.as.curfew_api, { ...sampleDecision(request, ben), extensionId: id, digest });
  expect(await reciprocal(ada)).toEqual([ben]);
});

/** A pair as the report has it, whichever of the two comes first; counts as the fields are named. */
const byId = (one: PersonId, other: PersonId, counts: readonly number[]) => {
  const [oneApproved, otherApproved, oneGot, otherGot] = counts;
  return one < other
    ? { one, other, oneApproved, otherApproved, oneGot, otherGot }
    : {
        one: other,
        other: one,
        oneApproved: otherApproved,
        otherApproved: oneApproved,
        oneGot: otherGot,
        otherGot: oneGot,
      };
};

test('the report has every pair of a period with its counts, and the whole that they are a part of', async () => {
  const [ada, ben, cleo] = await Promise.all([person(), person(), person()]);
  const [fromAt, toAt] = [Date.now() - 400 * dayMs, Date.now() - 300 * dayMs];
  const period = { fromAt, toAt };
  expect(await pairs(store.as.curfew_auditor, period)).toEqual([]);
  expect(await population(store.as.curfew_auditor, period)).toEqual({ approvals: 0, people: 0 });
  await approves(ada, ben, 4, fromAt);
  await approves(ben, ada, 3, toAt - 1);
  await approves(ben, ada, 1, toAt);
  await approves(cleo, ada, 1, fromAt);
  await approves(ada, cleo, 1, fromAt);
  expect(await pairs(store.as.curfew_auditor, period)).toEqual([
    { ...byId(ada, ben, [4, 3, 4, 4]), reciprocal: true },
    { ...byId(ada, cleo, [1, 1, 4, 1]), reciprocal: false },
  ]);
  expect(await population(store.as.curfew_auditor, period)).toEqual({ approvals: 9, people: 3 });
});
