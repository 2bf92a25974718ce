import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { DecisionId, Digest, PersonId } from '../domain/ids.ts';
import { textOf } from '../store/erasable-texts.ts';
import { entriesOf } from '../store/audit.ts';
import * as decisions from '../store/decisions.ts';
import * as grants from '../store/grants.ts';
import type { Store } from '../store/pool.ts';
import * as projections from '../store/projections.ts';
import * as reviews from '../store/reviews.ts';
import type { RequestRow } from '../store/requests.ts';
import { grantEntry } from './support/entries.ts';
import { addPerson, openRequest, sampleDecision, sampleRequest, sampleView, sha256 } from './support/store-sample.ts';
import { startStore, type TestStore } from './support/store.ts';

let store: TestStore;
let api: Store;
let requester: PersonId;
let approver: PersonId;
let request: RequestRow;
beforeAll(async () => {
  store = await startStore();
  api = store.as.curfew_api;
  requester = await addPerson(store.as.curfew_directory, 'requester');
});
afterAll(() => store.end());
let count = 0;
beforeEach(async () => {
  approver = await addPerson(store.as.curfew_directory, `approver-${(count += 1)}`);
  request = await openRequest(api, requester);
});

type Change = Parameters<typeof sampleDecision>[2];
const decide = (person: PersonId, change: Change = {}, voidsBefore = 0): ReturnType<typeof decisions.insert> =>
  api.transaction((tx) => decisions.insert(tx, sampleDecision(request, person, change), voidsBefore));
const voidAll = (
  person: PersonId,
  login: Store = store.as.curfew_directory,
): Promise<readonly decisions.VoidedDecision[]> =>
  login.transaction((tx) => decisions.voidAllOf(tx, person, 'left', 'curfew_directory'));

test('a decision comes back as it was made', async () => {
  const made = sampleDecision(request, approver);
  expect(await api.transaction((tx) => decisions.insert(tx, made, 0))).toBe('recorded');
  expect(await decisions.of(store.as.curfew_worker, request.id)).toEqual([{ ...made, voidsBefore: 0 }]);
});

test('the table itself refuses the requester’s own decision (I6)', async () => {
  await expect(decide(requester)).rejects.toMatchObject({ sqlstate: '23514', constraint: 'decision_check' });
  const lie = api.query(
    `insert into curfew.decision (id, request_id, requester, digest, stage, person, verdict, facts, voids_before, made_at)
     values ($1, $2, $3, $4, 0, $5, 'approve', '{}', 0, now())`,
    [sha256('lie'), request.id, approver, request.digest, requester],
  );
  await expect(lie).rejects.toMatchObject({ sqlstate: '23503' });
});

test('the table itself refuses a second seat for one person (I6)', async () => {
  expect(await decide(approver)).toBe('recorded');
  expect(await decide(approver, { stage: 1 })).toBe('other');
  const raw = api.query(
    `insert into curfew.decision (id, request_id, requester, digest, stage, person, verdict, facts, voids_before, made_at)
     values ($1, $2, $3, $4, 1, $5, 'approve', '{}', 0, now())`,
    [sha256('second seat'), request.id, requester, request.digest, approver],
  );
  await expect(raw).rejects.toMatchObject({ sqlstate: '23505' });
});

test('the table itself refuses a decision on another digest than the request’s (I7)', async () => {
  await expect(decide(approver, { digest: sha256('another') as Digest })).rejects.toMatchObject({ sqlstate: '23503' });
});

test('the same decision again is repeated, another one of the same person is not taken', async () => {
  const id = sha256('one click') as DecisionId;
  expect(await decide(approver, { id })).toBe('recorded');
  expect(await decide(approver, { id })).toBe('repeated');
  expect(await decide(approver, { verdict: 'deny' })).toBe('other');
});

test('approve and deny of one person at once: one is recorded', async () => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) => decide(approver, { verdict: index % 2 === 0 ? 'approve' : 'deny' })),
  );
  expect(answers.filter((answer) => answer === 'recorded')).toHaveLength(1);
});

test('a decision on no request is refused as unknown', async () => {
  const nowhere = sampleDecision(sampleRequest(requester), approver);
  await expect(api.transaction((tx) => decisions.insert(tx, nowhere, 0))).rejects.toMatchObject({
    code: 'UnknownRequest',
  });
});

test('a denial’s reason stands in the erasable table only', async () => {
  const made = sampleDecision(request, approver, { verdict: 'deny' });
  await api.transaction((tx) => decisions.insert(tx, made, 0, { text: 'not on a Friday', salt: Buffer.alloc(16) }));
  expect(await textOf(api, 'denial', made.id)).toBe('not on a Friday');
  await store.as.curfew_directory.query('delete from curfew.personal where person = $1', [approver]);
  expect(await textOf(api, 'denial', made.id)).toBeUndefined();
  expect(await decisions.of(api, request.id)).toHaveLength(1);
});

test('a void ends a decision once, with one entry, and the person may decide again', async () => {
  const id = sha256('to be void') as DecisionId;
  await decide(approver, { id });
  expect(await voidAll(approver)).toEqual([{ id, requestId: request.id, person: approver }]);
  expect(await voidAll(approver)).toEqual([]);
  expect(await decisions.voidsOf(api, request.id, approver)).toBe(1);
  expect((await decisions.of(api, request.id))[0]?.voidedAt).toBeTypeOf('number');
  const entries = await entriesOf(store.as.curfew_auditor, request.id);
  expect(entries).toMatchObject([
    { kind: 'decision.voided', login: 'curfew_directory', body: { decision: id, cause: 'left' } },
  ]);
  expect(await decide(approver, {}, 1)).toBe('recorded');
});

test('what was granted or is closed keeps its decisions; everything before is voided', async () => {
  const receipt = { kind: 'grant', requestId: request.id, readAt: 1 } as Parameters<typeof grants.insert>[2];
  const others: RequestRow[] = [];
  for (let index = 0; index < 3; index += 1) others.push(await openRequest(api, requester));
  const [closed, granting] = others as [RequestRow, RequestRow];
  for (const row of [request, ...others]) {
    await api.transaction((tx) => decisions.insert(tx, sampleDecision(row, approver), 0));
  }
  const grant = {
    ...request,
    requestId: request.id,
    role: `cfw_${request.id.replaceAll('-', '')}`,
    grantedAt: 1,
    endAt: 2,
  };
  await store.as.curfew_worker.transaction((tx) => grants.insert(tx, grant, receipt, grantEntry(request.id)));
  const view = sampleView(1, { kind: 'closed', outcome: 'withdrawn', cause: 'x' });
  await projections.save(api, closed.id, view, 1);
  const credentialId = sha256('c') as never;
  await projections.save(api, granting.id, sampleView(1, { kind: 'granting', approvals: [], credentialId }), 1);
  const voided = await voidAll(approver, store.as.curfew_worker);
  expect(voided.map((one) => one.requestId).sort()).toEqual(
    others
      .filter((row) => row !== closed)
      .map((row) => row.id)
      .sort(),
  );
});

test('a review is one, of a break-glass request, and never the requester’s', async () => {
  const glass = await openRequest(api, requester, { kind: 'break-glass' });
  const review = (person: PersonId, verdict: reviews.ReviewVerdict, of = glass): ReturnType<typeof reviews.insert> =>
    api.transaction((tx) =>
      reviews.insert(
        tx,
        { requestId: of.id, person, verdict, reviewedAt: 5 },
        { text: 'a note', salt: Buffer.alloc(16) },
      ),
    );
  await expect(review(requester, 'justified')).rejects.toMatchObject({ sqlstate: '23514' });
  await expect(review(approver, 'justified', request)).rejects.toMatchObject({ code: 'UnknownRequest' });
  expect(await review(approver, 'justified')).toBe('recorded');
  expect(await review(approver, 'justified')).toBe('repeated');
  expect(await review(approver, 'follow-up')).toBe('other');
  expect(await reviews.of(api, glass.id)).toEqual({
    requestId: glass.id,
    person: approver,
    verdict: 'justified',
    reviewedAt: 5,
    note: 'a note',
  });
});
