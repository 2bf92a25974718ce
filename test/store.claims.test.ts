import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { CredentialId, PersonId } from '../domain/ids.ts';
import * as claims from '../store/claims.ts';
import type { Store } from '../store/pool.ts';
import type { RequestRow } from '../store/requests.ts';
import { addPerson, openRequest } from './support/store-sample.ts';
import { startStore, type TestStore } from './support/store.ts';

let store: TestStore;
let api: Store;
let person: PersonId;
let request: RequestRow;
beforeAll(async () => {
  store = await startStore();
  api = store.as.curfew_api;
  person = await addPerson(store.as.curfew_directory, 'requester');
});
afterAll(() => store.end());
beforeEach(async () => {
  request = await openRequest(api, person);
});

const mint = async (mintedAt = 1_000, whose = person): Promise<Buffer> => {
  const hash = randomBytes(32);
  const code = { hash, requestId: request.id, person: whose, mintedAt, expiresAt: mintedAt + 900_000 };
  await api.transaction((tx) => claims.mint(tx, code));
  return hash;
};
const use = (hash: Buffer, at: number): Promise<boolean> => api.transaction((tx) => claims.use(tx, hash, at));
const accept = (verifier: string, change: Partial<claims.ClaimRow> = {}): ReturnType<typeof claims.insert> =>
  api.transaction((tx) =>
    claims.insert(tx, {
      requestId: request.id,
      credentialId: randomUUID() as CredentialId,
      verifier,
      ticket: randomBytes(32),
      ticketKey: 'k1',
      endAt: 2_000_000,
      acceptedAt: 1_000_000,
      ...change,
    }),
  );

test('looking a code up shows its request and uses nothing', async () => {
  const hash = await mint();
  for (let times = 0; times < 2; times += 1) {
    expect(await claims.code(api, hash)).toEqual({
      request,
      person,
      mintedAt: 1_000,
      expiresAt: 901_000,
      replacedAt: null,
      usedAt: null,
    });
  }
  expect(await claims.code(api, randomBytes(32))).toBeUndefined();
});

test('a code is used once', async () => {
  const hash = await mint();
  const answers = await Promise.all(Array.from({ length: 10 }, () => use(hash, 2_000)));
  expect(answers.filter(Boolean)).toHaveLength(1);
  expect((await claims.code(api, hash))?.usedAt).toBe(2_000);
});

test('a code is good until the instant of its expiry, and not at it', async () => {
  const hash = await mint();
  expect(await use(hash, 901_000)).toBe(false);
  expect(await use(hash, 900_999)).toBe(true);
});

test('a new code replaces the old ones, which can no longer be used', async () => {
  const first = await mint(1_000);
  const second = await mint(2_000);
  expect((await claims.code(api, first))?.replacedAt).toBe(2_000);
  expect(await use(first, 3_000)).toBe(false);
  expect(await use(second, 3_000)).toBe(true);
});

test('of ten minted at once exactly one can be used', async () => {
  const hashes = await Promise.all(Array.from({ length: 10 }, () => mint()));
  const codes = await Promise.all(hashes.map((hash) => claims.code(api, hash)));
  expect(codes.filter((code) => code?.replacedAt === null)).toHaveLength(1);
});

test('a used code stays used when another is minted', async () => {
  const hash = await mint();
  await use(hash, 1_500);
  await mint(2_000);
  expect(await claims.code(api, hash)).toMatchObject({ usedAt: 1_500, replacedAt: null });
});

test('nobody but the requester can be given a code', async () => {
  const other = await addPerson(store.as.curfew_directory, 'other');
  await expect(mint(1_000, other)).rejects.toMatchObject({ sqlstate: '23503' });
});

test('of many verifiers at once one wins, and an equal repeat of it is told so', async () => {
  const verifiers = Array.from({ length: 10 }, (_, index) => `verifier-${index}`);
  const answers = await Promise.all(verifiers.map((verifier) => accept(verifier)));
  expect(answers.filter((answer) => answer === 'accepted')).toHaveLength(1);
  expect(answers.filter((answer) => answer === 'other')).toHaveLength(9);
  const winner = verifiers[answers.indexOf('accepted')] ?? '';
  const before = await claims.of(api, request.id);
  expect(before?.verifier).toBe(winner);
  expect(await accept(winner)).toBe('repeated');
  expect(await claims.of(api, request.id)).toEqual(before);
});

test('the worker reads the whole claim, which comes back as it was accepted', async () => {
  const ticket = randomBytes(32);
  const credentialId = randomUUID() as CredentialId;
  await accept('v', { ticket, credentialId });
  expect(await claims.of(store.as.curfew_worker, request.id)).toEqual({
    requestId: request.id,
    credentialId,
    verifier: 'v',
    ticket,
    ticketKey: 'k1',
    endAt: 2_000_000,
    acceptedAt: 1_000_000,
  });
});

test('one credential serves one request only', async () => {
  const credentialId = randomUUID() as CredentialId;
  await accept('v', { credentialId });
  request = await openRequest(api, person);
  await expect(accept('v', { credentialId })).rejects.toMatchObject({ sqlstate: '23505' });
});

test('a use that is rolled back with its transaction leaves the code good', async () => {
  const hash = await mint();
  const failing = api.transaction(async (tx) => {
    await claims.use(tx, hash, 2_000);
    throw new Error('the claim was refused after all');
  });
  await expect(failing).rejects.toThrow('refused after all');
  expect(await use(hash, 2_000)).toBe(true);
});
