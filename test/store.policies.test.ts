import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Verdict } from '../domain/decision.ts';
import type { PersonId, PolicyHash, ProposalId, TargetName } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import { entriesOf } from '../store/audit.ts';
import { link } from '../store/operator-logins.ts';
import { factsOf } from '../store/people.ts';
import * as policies from '../store/policies.ts';
import { openStore, type Store } from '../store/pool.ts';
import * as proposals from '../store/proposals.ts';
import { insertDecision } from '../store/proposals.ts';
import * as messages from '../store/slack-messages.ts';
import * as checks from '../store/target-checks.ts';
import { addPerson, openRequest, sha256 } from './support/store-sample.ts';
import { startStore, type TestStore } from './support/store.ts';

let store: TestStore;
let admin: Store;
/** An operator's own login: another one than the one that proposes. */
let colleague: Store;
beforeAll(async () => {
  store = await startStore();
  admin = store.as.curfew_admin;
  await store.admin.query(`create role colleague login password 'only-in-this-test' in role curfew_admin`);
  const url = store.adminUrl.replace(/\/\/[^@]+@/, '//colleague:only-in-this-test@');
  colleague = openStore({ url, applicationName: 'curfew-test', max: 1, statementTimeoutMs: 30_000 });
});
afterAll(async () => {
  await colleague.close();
  await store.end();
});

const apply = (text: string, change: Partial<Parameters<typeof policies.apply>[1]> = {}, base?: number | null) =>
  admin.transaction((tx) =>
    policies.apply(tx, { hash: sha256(text) as PolicyHash, text, ...change }, 'curfew_admin', base),
  );

/** Somebody's word, as the API records it, and the try to make it hold. */
async function say(id: ProposalId, text: string, person: PersonId, verdict: Verdict = 'approve'): Promise<unknown> {
  const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: 1 };
  const facts = { person: (await factsOf(admin, person)) as PersonFacts, account };
  const hash = sha256(text) as PolicyHash;
  return store.as.curfew_api.transaction(async (tx) => {
    await insertDecision(tx, { proposal: id, person, hash, verdict, facts, madeAt: Date.now() });
    return policies.adopt(tx, id, person);
  });
}
const someone = (handle: string): Promise<PersonId> => addPerson(store.as.curfew_directory, handle);
const numberNow = async (): Promise<number> => (await policies.current(admin))?.number ?? 0;
let texts = 0;
const newText = (): string => `# ${(texts += 1)}\ntargets: {}\n`;
async function proposed(text: string): Promise<ProposalId> {
  const { proposal } = await apply(text);
  if (!proposal) throw new Error('it was not proposed');
  return proposal;
}

test('before the first policy there is none, and the first takes nobody else', async () => {
  expect(await policies.current(store.as.curfew_worker)).toBeUndefined();
  expect(await policies.currentHash(store.as.curfew_worker)).toBeUndefined();
  const first = 'targets: {}\n';
  expect(await apply(first)).toMatchObject({ number: 1, kind: 'applied' });
  expect(await apply(first)).toEqual({ number: 1, kind: 'same' });
  expect(await policies.current(store.as.curfew_api)).toMatchObject({ number: 1, text: first, onePerson: false });
});

test('the next waits for two others where nobody can say who proposed it, and holds with the second', async () => {
  const [first, second] = ['targets: {}\n', 'targets: {ö: 1}\n'];
  const answer = await apply(second);
  expect(answer).toMatchObject({ number: 1, kind: 'proposed' });
  const id = answer.proposal as ProposalId;
  expect(await proposals.byId(store.as.curfew_api, id)).toMatchObject({ state: 'open', need: 2, proposer: null });
  expect(await say(id, second, await someone('ann'))).toBeUndefined();
  expect(await numberNow()).toBe(1);
  expect(await say(id, second, await someone('bob'))).toBe(2);
  expect(await policies.current(store.as.curfew_api)).toMatchObject({ number: 2, text: second });
  expect((await policies.byHash(store.as.curfew_auditor, sha256(first) as PolicyHash))?.text).toBe(first);
  expect(await proposals.byId(admin, id)).toMatchObject({ state: 'adopted' });
  const entries = await entriesOf(store.as.curfew_auditor, sha256(second));
  expect(entries.map(({ kind, login }) => [kind, login])).toEqual([
    ['policy.proposed', 'curfew_admin'],
    ['policy.applied', 'curfew_api'],
  ]);
});

test('two accounts of one human are one of the two, and an approval of another hash is none', async () => {
  const text = newText();
  const id = await proposed(text);
  const cleo = await someone('cleo');
  await addPerson(store.as.curfew_directory, 'cleo-admin', { aliases: [cleo] });
  expect(await say(id, text, cleo)).toBeUndefined();
  expect(await say(id, text, await someone('cleo-admin'))).toBeUndefined();
  // An account of an account of hers is hers as well.
  await addPerson(store.as.curfew_directory, 'cleo-lab', { aliases: [await someone('cleo-admin')] });
  const other = await proposed(newText());
  const otherText = (await proposals.byId(admin, other))?.text ?? '';
  expect(await say(other, otherText, cleo)).toBeUndefined();
  expect(await say(other, otherText, await someone('cleo-lab')), 'two accounts, and the one between').toBeUndefined();
  expect(await say(id, 'another text', await someone('ann'))).toBeUndefined();
  expect(await numberNow()).toBe(2);
  expect(await say(id, text, await someone('bob'))).toBe(3);
});

test('an approver who has left by then counts no more (I8)', async () => {
  const text = newText();
  const id = await proposed(text);
  expect(await say(id, text, await someone('gus'))).toBeUndefined();
  await addPerson(store.as.curfew_directory, 'gus', { state: 'left', version: 2 });
  expect(await say(id, text, await someone('ann'))).toBeUndefined();
  expect(await say(id, text, await someone('bob'))).toBe(4);
});

test('with a linked login it takes one other person, and the proposer and their accounts are none', async () => {
  const dora = await someone('dora');
  await addPerson(store.as.curfew_directory, 'dora-admin', { aliases: [dora] });
  await link(colleague, 'curfew_admin', dora);
  const text = newText();
  const id = await proposed(text);
  expect(await proposals.byId(admin, id)).toMatchObject({ need: 1, proposer: dora });
  expect(await say(id, text, dora)).toBeUndefined();
  expect(await say(id, text, await someone('dora-admin'))).toBeUndefined();
  expect(await say(id, text, await someone('ann'))).toBe(5);
});

test('a login that says itself who is behind it, or only after it proposed, is nobody’s', async () => {
  const text = newText();
  await link(admin, 'curfew_admin', await someone('hugo'));
  const id = await proposed(text);
  expect(await proposals.byId(admin, id)).toMatchObject({ need: 2, proposer: null });
  await link(colleague, 'curfew_admin', await someone('hugo'));
  expect(await proposals.byId(admin, id)).toMatchObject({ need: 2, proposer: null });
  expect(await say(id, text, await someone('ann'))).toBeUndefined();
  expect(await say(id, text, await someone('bob'))).toBe(6);
});

test('what takes others is adopted where those are judged: no operator counts them by themselves (I6)', async () => {
  const text = newText();
  const id = await proposed(text);
  const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: 1 };
  for (const handle of ['ann', 'bob']) {
    const person = (await factsOf(admin, await someone(handle))) as PersonFacts;
    const said = { proposal: id, person: person.id, hash: sha256(text) as PolicyHash, verdict: 'approve' } as const;
    await insertDecision(store.as.curfew_api, { ...said, facts: { person, account }, madeAt: Date.now() });
  }
  const before = await numberNow();
  expect(await admin.transaction((tx) => policies.adopt(tx, id, 'curfew_admin'))).toBeUndefined();
  expect(await colleague.transaction((tx) => policies.adopt(tx, id, 'colleague'))).toBeUndefined();
  expect(await numberNow()).toBe(before);
  await say(id, text, await someone('gil'), 'deny');
});

test('a denial ends a proposal, whatever was approved before or is after', async () => {
  const text = newText();
  const id = await proposed(text);
  await say(id, text, await someone('ann'), 'deny');
  expect(await say(id, text, await someone('bob'))).toBeUndefined();
  expect(await say(id, text, await someone('cleo'))).toBeUndefined();
  expect(await proposals.byId(admin, id)).toMatchObject({ state: 'denied' });
  expect(await numberNow()).toBe(6);
});

test('of two proposals on one version the second is superseded once the first holds, and so is one compared with an older', async () => {
  const [one, other] = [newText(), newText()];
  const [first, second] = [await proposed(one), await proposed(other)];
  expect(await proposals.open(admin)).toEqual([first, second]);
  expect(await say(first, one, await someone('ann'))).toBe(7);
  expect(await proposals.byId(admin, second)).toMatchObject({ state: 'superseded' });
  await say(second, other, await someone('ann'));
  expect(await say(second, other, await someone('bob'))).toBeUndefined();
  expect(await apply(newText(), {}, 6)).toEqual({ number: 7, kind: 'superseded' });
  expect(await proposals.open(admin)).toEqual([]);
});

test('two approvals that come at once make one version', async () => {
  const text = newText();
  const id = await proposed(text);
  const people = await Promise.all(['ann', 'bob', 'cleo', 'hugo'].map(someone));
  const made = await Promise.all(people.map((person) => say(id, text, person)));
  expect(made.filter((number) => number !== undefined)).toEqual([8]);
});

test('once a version says so, one person may, and ten who do at once make one version', async () => {
  const text = newText();
  const { proposal } = await apply(text, { onePerson: true });
  for (const handle of ['ann', 'bob']) await say(proposal as ProposalId, text, await someone(handle));
  expect(await policies.current(admin)).toMatchObject({ number: 9, onePerson: true });
  const next = newText();
  const answers = await Promise.all(Array.from({ length: 10 }, () => apply(next, { onePerson: true }, 9)));
  expect(answers.filter((answer) => answer.kind === 'applied')).toHaveLength(1);
  expect(answers.filter((answer) => answer.kind === 'same')).toHaveLength(9);
});

test('nobody makes a version past a proposal, nor proposes as the API or decides as an administrator', async () => {
  const text = newText();
  const insert = `insert into curfew.policy_version (hash, text) values ('${sha256(text)}', '${text}')`;
  for (const login of ['curfew_admin', 'curfew_api'] as const) {
    await expect(store.as[login].query(insert)).rejects.toMatchObject({ sqlstate: '42501' });
  }
  const propose = { hash: sha256(text) as PolicyHash, text, onePerson: true, changes: [] };
  await expect(
    store.as.curfew_api.transaction((tx) => policies.propose(tx, propose, 'curfew_api')),
  ).rejects.toMatchObject({ sqlstate: '42501' });
  const id = await proposed(text);
  const decide = `insert into curfew.policy_decision (proposal, person, hash, verdict, facts, made_at)
    values ('${id}', '${await someone('ann')}', '${sha256(text)}', 'approve', '{}', now())`;
  await expect(admin.query(decide)).rejects.toMatchObject({ sqlstate: '42501' });
});

test('a hash that is not the text’s is refused by the table itself', async () => {
  await expect(apply('rules: [1]\n', { hash: sha256('rules: [2]\n') as PolicyHash })).rejects.toMatchObject({
    sqlstate: '23514',
  });
});

test('the newest check of a target counts', async () => {
  const target = 'orders-prod' as TargetName;
  const insert = (ok: boolean, result: unknown): Promise<void> =>
    admin.transaction((tx) => checks.insert(tx, { target, ok, result }, 'curfew_admin'));
  expect(await checks.latest(store.as.curfew_worker, target)).toBeUndefined();
  await insert(true, { findings: [] });
  await insert(false, { findings: ['hba'] });
  expect(await checks.latest(store.as.curfew_worker, target)).toMatchObject({
    target,
    ok: false,
    result: { findings: ['hba'] },
    checkedBy: 'curfew_admin',
  });
  const entries = await entriesOf(store.as.curfew_auditor, target);
  expect(entries.map((entry) => entry.body)).toEqual([{ ok: true }, { ok: false }]);
});

test('a slot’s newest message stands, and is found by channel and timestamp', async () => {
  const person = await addPerson(store.as.curfew_directory, 'painter');
  const { id: requestId } = await openRequest(store.as.curfew_api, person);
  const worker = store.as.curfew_worker;
  const card = { requestId, slot: 'card', channel: 'C1', ts: '1.1', painted: 'a' };
  await messages.put(worker, card);
  await messages.put(worker, { ...card, slot: 'dm:claim', channel: 'D1' });
  await messages.put(worker, { ...card, painted: 'b' });
  expect(await messages.of(store.as.curfew_api, requestId)).toEqual([
    { ...card, painted: 'b' },
    { ...card, slot: 'dm:claim', channel: 'D1' },
  ]);
  expect(await messages.at(store.as.curfew_api, 'C1', '1.1')).toMatchObject({ slot: 'card', requestId });
  expect(await messages.at(store.as.curfew_api, 'C1', '1.2')).toBeUndefined();
});
