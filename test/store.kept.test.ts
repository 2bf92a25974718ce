import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Digest, ExtensionId, PersonId } from '../domain/ids.ts';
import { textOf } from '../store/erasable-texts.ts';
import * as extensionDecisions from '../store/extension-decisions.ts';
import * as extensions from '../store/extensions.ts';
import type { ExtensionRow } from '../store/extensions.ts';
import * as personalCodes from '../store/personal-codes.ts';
import type { Store } from '../store/pool.ts';
import * as projections from '../store/projections.ts';
import type { RequestRow } from '../store/requests.ts';
import { addPerson, openRequest, sampleDecision, sampleView, sha256 } from './support/store-sample.ts';
import { startStore, type TestStore } from './support/store.ts';

let store: TestStore;
let api: Store;
let worker: Store;
beforeAll(async () => {
  store = await startStore();
  api = store.as.curfew_api;
  worker = store.as.curfew_worker;
});
afterAll(() => store.end());

let count = 0;
const person = (): Promise<PersonId> => addPerson(store.as.curfew_directory, `someone-${(count += 1)}`);
const hourMs = 3_600_000;

const extensionOf = (request: RequestRow, change: Partial<ExtensionRow> = {}): ExtensionRow => {
  const id = randomUUID() as ExtensionId;
  return {
    id,
    requestId: request.id,
    requester: request.person,
    number: 1,
    kind: 'asked',
    fromAt: request.openedAt + hourMs,
    endAt: request.openedAt + 2 * hourMs,
    plan: request.plan,
    reasonHash: null,
    digest: sha256(id) as Digest,
    askedAt: request.openedAt,
    ...change,
  };
};

async function granted(): Promise<RequestRow> {
  const request = await openRequest(api, await person());
  await worker.query(
    `insert into curfew.access_grant (request_id, target, person, template, role, granted_at, end_at)
     values ($1, 't', $2, 'x', $3, $4, $5)`,
    [
      request.id,
      request.person,
      `cfw_${randomUUID()}`,
      new Date(request.openedAt),
      new Date(request.openedAt + hourMs),
    ],
  );
  return request;
}
const ticketOf = (extensionId: ExtensionId): extensions.ExtensionTicket => ({
  extensionId,
  ticket: randomBytes(32),
  ticketKey: 'k1',
  madeAt: 1_800_000_000_000,
});

test('a closed projection stays closed, whoever writes a newer view (I10)', async () => {
  const request = await openRequest(api, await person());
  await projections.save(worker, request.id, sampleView(3, { kind: 'closed', outcome: 'expired', cause: 'x' }), 1);
  for (const login of [api, worker, store.admin]) {
    expect(await projections.save(login, request.id, sampleView(9, { kind: 'requested', needs: [] }), 2)).toBe(false);
    const reopened = `update curfew.projection set state = 'active', version = 9 where request_id = $1`;
    await expect(login.query(reopened, [request.id])).rejects.toMatchObject({ sqlstate: 'CFS01' });
  }
  const again = sampleView(4, { kind: 'closed', outcome: 'expired', cause: 'x' });
  expect(await projections.save(worker, request.id, again, 3)).toBe(true);
});

test('an extension is kept once, with its reason in the erasable table', async () => {
  const request = await granted();
  const extension = extensionOf(request);
  const why = { text: 'not done yet', salt: randomBytes(16) };
  expect(await extensions.insert(api, extension, why)).toBe('asked');
  expect(await extensions.insert(api, extension, why)).toBe('repeated');
  expect(await extensions.insert(api, extensionOf(request))).toBe('other');
  expect(await extensions.byId(worker, extension.id)).toEqual(extension);
  expect(await textOf(worker, 'extension', extension.id)).toBe('not done yet');
  expect(await extensions.ofRequest(worker, request.id)).toEqual([{ ...extension, outcome: null, cause: null }]);
});

test('nobody extends for somebody else, by whatever row (I6)', async () => {
  const request = await granted();
  const stranger = extensions.insert(api, extensionOf(request, { requester: await person() }));
  await expect(stranger).rejects.toMatchObject({ sqlstate: '23503' });
});

test('a requester decides no extension of theirs, and one person has one decision of it (I6)', async () => {
  const request = await granted();
  const extension = extensionOf(request);
  await extensions.insert(api, extension);
  const decisionBy = (who: PersonId, change = {}) => ({
    ...sampleDecision(request, who),
    extensionId: extension.id,
    digest: extension.digest,
    ...change,
  });
  await expect(extensionDecisions.insert(api, decisionBy(request.person))).rejects.toMatchObject({ sqlstate: '23514' });
  const ben = await person();
  const other = { digest: request.digest };
  await expect(extensionDecisions.insert(api, decisionBy(ben, other))).rejects.toMatchObject({ sqlstate: '23503' });
  const denial = decisionBy(ben, { verdict: 'deny' });
  expect(await extensionDecisions.insert(api, denial, { text: 'enough', salt: randomBytes(16) })).toBe('recorded');
  expect(await extensionDecisions.insert(api, denial)).toBe('repeated');
  expect(await extensionDecisions.insert(api, decisionBy(ben))).toBe('other');
  expect(await extensionDecisions.of(worker, extension.id)).toEqual([denial]);
  expect(await textOf(worker, 'extension-denial', denial.id)).toBe('enough');
  const unknown = decisionBy(ben, { extensionId: randomUUID() as ExtensionId });
  await expect(extensionDecisions.insert(api, unknown)).rejects.toMatchObject({ code: 'UnknownRequest' });
});

test('only the worker says that a grant was extended, and the first outcome holds', async () => {
  const extension = extensionOf(await granted());
  await extensions.insert(api, extension);
  const outcome = { extensionId: extension.id, kind: 'extended', cause: null, evidence: { until: 1 } } as const;
  await expect(extensions.saveOutcome(api, outcome)).rejects.toMatchObject({ sqlstate: '23514' });
  expect(await extensions.saveOutcome(worker, outcome)).toBe(true);
  expect(await extensions.saveOutcome(api, { ...outcome, kind: 'denied' })).toBe(false);
  expect(await extensions.outcomeOf(api, extension.id)).toMatchObject({ ...outcome, writtenBy: 'curfew_worker' });
});

test('a grant’s end moves only later, to what the API signed, and not once it is over', async () => {
  const request = await granted();
  const extension = extensionOf(request);
  await extensions.insert(api, extension);
  const move = (to: number) =>
    worker.query('update curfew.access_grant set end_at = $2 where request_id = $1', [request.id, new Date(to)]);
  await expect(move(extension.endAt)).rejects.toMatchObject({ sqlstate: 'CFS02' });
  await extensions.insertTicket(api, ticketOf(extension.id));
  await expect(move(extension.endAt + 1)).rejects.toMatchObject({ sqlstate: 'CFS02' });
  expect(await extensions.moveEnd(worker, request.id, extension.endAt)).toBe(true);
  expect(await extensions.moveEnd(worker, request.id, extension.endAt)).toBe(false);
  await expect(move(extension.fromAt)).rejects.toMatchObject({ sqlstate: 'CFS02' });
  await extensions.insert(api, extensionOf(request, { number: 2, endAt: extension.endAt + hourMs }));
  const [, second] = await extensions.ofRequest(api, request.id);
  await extensions.insertTicket(api, ticketOf(second?.id ?? expect.fail('no second')));
  await worker.query('update curfew.access_grant set ended_at = now() where request_id = $1', [request.id]);
  await expect(move(extension.endAt + hourMs)).rejects.toMatchObject({ sqlstate: 'CFS02' });
});

test('the first ticket of an extension holds', async () => {
  const extension = extensionOf(await granted());
  await extensions.insert(api, extension);
  const first = ticketOf(extension.id);
  expect(await extensions.insertTicket(api, first)).toBe(true);
  expect(await extensions.insertTicket(api, ticketOf(extension.id))).toBe(false);
  expect(await extensions.ticketOf(worker, extension.id)).toEqual(first);
});

test('a personal code is good until it expires or a newer one is made, and never again', async () => {
  const who = await person();
  const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: 1 };
  const code = { hash: randomBytes(32), person: who, account, mintedAt: 1_000, expiresAt: 2_000 };
  await api.transaction((tx) => personalCodes.mint(tx, code));
  expect(await personalCodes.valid(api, code.hash, 1_999)).toEqual({
    person: who,
    account,
    mintedAt: 1_000,
    expiresAt: 2_000,
  });
  expect(await personalCodes.valid(api, code.hash, 2_000)).toBeUndefined();
  const newer = { ...code, hash: randomBytes(32), mintedAt: 1_500, expiresAt: 2_500 };
  await api.transaction((tx) => personalCodes.mint(tx, newer));
  expect(await personalCodes.valid(api, code.hash, 1_600)).toBeUndefined();
  expect(await personalCodes.valid(api, newer.hash, 1_600)).toMatchObject({ person: who });
  const undo = api.query('update curfew.personal_code set replaced_at = null where hash = $1', [code.hash]);
  await expect(undo).rejects.toMatchObject({ sqlstate: 'CFS01' });
});
