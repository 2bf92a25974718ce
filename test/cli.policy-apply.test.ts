import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { noticesOf } from '../doctor/notices.ts';
import { beat } from '../store/heartbeats.ts';
import type { ProposalId } from '../domain/ids.ts';
import { policyHash } from '../policy/digest.ts';
import { factsOf } from '../store/people.ts';
import { insertDecision } from '../store/proposals.ts';
import * as policies from '../store/policies.ts';
import { eventually } from './support/eventually.ts';
import { addPerson } from './support/store-sample.ts';
import { startStore, type TestStore } from './support/store.ts';
import { curfew, type Ran } from './support/terminal.ts';

let store: TestStore;
const folder = mkdtempSync(join(tmpdir(), 'curfew-policy-'));
beforeAll(async () => {
  store = await startStore();
  await addPerson(store.as.curfew_directory, 'ann', { groups: [{ name: 'engineers' }] });
  await addPerson(store.as.curfew_directory, 'olga', { groups: [{ name: 'owners' }] });
  await addPerson(store.as.curfew_directory, 'omar', { groups: [{ name: 'owners' }] });
  for (const name of ['ann_ops', 'bob_ops']) {
    await store.admin.query(`create role ${name} login password 'only-in-this-test' in role curfew_admin`);
  }
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await store.end();
});
/** Every test begins where no policy was applied. */
beforeEach(async () => {
  await store.admin.query(
    'truncate curfew.policy_decision, curfew.policy_proposal, curfew.policy_version, curfew.operator_login cascade',
  );
});

const first = `version: 1
targets:
  orders-prod:
    kind: postgres
    owners: [group:owners]
    databases: [orders]
    roles:
      read: { template: orders_read, max: 8h }
rules:
  - { name: read, match: { target: orders-prod, role: read }, requesters: [group:engineers], approvals: [{ name: owners, from: [group:owners], need: 1 }] }
powers:
  changePolicy: [group:owners]
`;
const stricter = first.replace('need: 1', 'need: 2');

const envOf = (login?: string): Record<string, string> => ({
  CURFEW_ADMIN_STORE_URL:
    login === undefined
      ? store.url('curfew_admin')
      : store.adminUrl.replace(/\/\/[^@]+@/, `//${login}:only-in-this-test@`),
});
const apply = (text: string, words: readonly string[] = [], login?: string): Promise<Ran> =>
  curfew(['policy', 'apply', 'policy.yaml', ...words], { env: envOf(login), files: { 'policy.yaml': text } });
const json = async (text: string, login?: string) => {
  const { out } = await apply(text, ['--json'], login);
  return JSON.parse(out) as { kind: string; number: number; proposal?: ProposalId; need?: number; by: string };
};
const held = async (): Promise<string | undefined> => (await policies.current(store.admin))?.text;

async function approve(
  id: ProposalId | undefined,
  text: string,
  handles: readonly string[],
  verdict: 'approve' | 'deny' = 'approve',
) {
  const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: 1 };
  for (const handle of handles) {
    const person = await addPerson(store.as.curfew_directory, handle);
    const facts = await factsOf(store.admin, person);
    if (!id || !facts) throw new Error('nothing to decide on');
    const decision = { proposal: id, person, hash: policyHash(text), verdict, madeAt: Date.now() };
    await store.as.curfew_api.transaction(async (tx) => {
      await insertDecision(tx, { ...decision, facts: { person: facts, account } });
      await policies.adopt(tx, id, person);
    });
  }
}

test('the first policy holds at once and says why; the next is proposed with its diff and what it would change', async () => {
  const begun = await apply(first);
  expect(begun.out).toMatch(/Version 1 holds now.*\nIt was the first one, which needs nobody else\.\n$/);
  const { code, out } = await apply(stricter);
  expect(code).toBe(0);
  expect(out).toMatch(/^Proposed by curfew_admin: [0-9a-f]{64}\nIn place of version 1: [0-9a-f]{64}\n/);
  expect(out).toMatch(/^-.*need: 1.*\n\+.*need: 2/m);
  expect(out).toMatch(/What would change:\n .*orders-prod read/);
  expect(out).toContain('Proposed, and not in force yet: it takes 2 more who may change the policy');
  expect(await held()).toBe(first);
  const listed = await curfew(['policy', 'proposal', '--json'], { env: envOf() });
  expect(JSON.parse(listed.out)).toMatchObject([{ proposedBy: 'curfew_admin', approvals: 0, need: 2 }]);
});

test('a policy that does not lint changes nothing and proposes nothing', async () => {
  await apply(first);
  const broken = await apply(stricter.replace('need: 2', 'need: many'));
  expect(broken).toMatchObject({ code: 1, err: expect.stringMatching(/policy\.yaml:10:\d+: error: /) });
  expect(await held()).toBe(first);
  expect((await curfew(['policy', 'proposal'], { env: envOf() })).out).toContain('No proposed policy waits');
});

test('the operator’s own login is the actor, and with a person behind it one other is enough', async () => {
  await apply(first);
  const own = await curfew(['people', 'link-login', 'ann_ops', 'ann'], { env: envOf('ann_ops') });
  expect(own).toMatchObject({ code: 1, err: expect.stringContaining('another operator has to') });
  const linked = await curfew(['people', 'link-login', 'ann_ops', 'ann'], { env: envOf('bob_ops') });
  expect(linked.out).toBe('Behind ann_ops stands ann, from now on.\n');
  expect((await curfew(['people', 'logins'], { env: envOf() })).out).toMatch(/ann_ops +ann +bob_ops/);
  const made = await json(stricter, 'ann_ops');
  expect(made).toMatchObject({ kind: 'proposed', need: 1, by: 'ann_ops' });
  const entries = await store.admin.query<{ kind: string; actor: string; login: string }>(
    `select kind, actor, login from audit.entry where kind in ('policy.proposed', 'operator.linked') order by id desc limit 2`,
  );
  expect(entries).toEqual([
    { kind: 'policy.proposed', actor: 'ann_ops', login: 'ann_ops' },
    { kind: 'operator.linked', actor: 'bob_ops', login: 'bob_ops' },
  ]);
  await approve(made.proposal, stricter, ['olga']);
  expect(await held()).toBe(stricter);
  expect((await apply(stricter)).out).toMatch(/^Version \d+ holds already/);
});

test('of two who apply on one version the later is told that it is superseded, and so is one who compared with an older', async () => {
  await apply(first);
  const [one, other] = [stricter, first.replace('max: 8h', 'max: 4h')];
  const [mine, theirs] = [await json(one), await json(other)];
  await approve(mine.proposal, one, ['olga', 'omar']);
  const shown = await curfew(['policy', 'proposal', theirs.proposal ?? ''], { env: envOf() });
  expect(shown.out).toContain(': superseded.');
  const waited = await apply(first.replace('max: 8h', 'max: 3h'), ['--json']);
  expect(JSON.parse(waited.out)).toMatchObject({ kind: 'proposed' });
});

const waiting = (): Promise<ProposalId> =>
  eventually('a proposal on which nobody has decided', async () => {
    const [row] = await store.admin.query<{ id: ProposalId }>(
      `select p.id from curfew.policy_proposal p
       where not exists (select from curfew.policy_decision d where d.proposal = p.id)
         and not exists (select from curfew.policy_version v where v.proposal = p.id)`,
    );
    return row?.id;
  });

test('--wait says how it ended: adopted, or denied with exit code 1', async () => {
  await apply(first);
  const adopted = apply(stricter, ['--wait']);
  await approve(await waiting(), stricter, ['olga', 'omar']);
  expect(await adopted).toMatchObject({ code: 0, out: expect.stringContaining('It was approved and holds now') });
  const denied = apply(first, ['--wait']);
  await approve(await waiting(), first, ['olga'], 'deny');
  expect(await denied).toMatchObject({ code: 1, out: expect.stringContaining('It was denied') });
});

test('where the policy lets one person change it, that is said each time, and by doctor', async () => {
  const alone = `${first}policyChange: one-person\n`;
  await apply(alone);
  expect(await noticesOf(store.as.curfew_admin, Date.now())).toMatchObject([{ code: 'one-person' }]);
  const next = await apply(stricter);
  expect(next.out).toContain('let one person change the policy, so nobody else was asked');
  expect(await held()).toBe(stricter);
  expect(await noticesOf(store.as.curfew_admin, Date.now())).toEqual([]);
  expect(await json(first)).toMatchObject({ kind: 'proposed' });
});

test('that break-glass is announced through one kind of channel only is said by doctor, while a worker is up', async () => {
  const at = Date.now();
  const beats = (channels: readonly string[]) =>
    beat(store.as.curfew_worker, { name: 'curfew-worker', at, body: { queues: {}, channels } });
  const notices = async (now = at) =>
    (await noticesOf(store.as.curfew_admin, now)).filter(({ code }) => code === 'one-channel');
  expect(await notices()).toEqual([]);
  await beats(['slack']);
  expect(await notices()).toMatchObject([{ detail: expect.stringContaining('through webhook') }]);
  expect(await notices(at + 120_000), 'nobody is up').toEqual([]);
  await beats(['slack', 'webhook']);
  expect(await notices()).toEqual([]);
});

test('a folder of files is one policy', async () => {
  const [targets, rest] = first.split(/^(?=rules:)/m);
  writeFileSync(join(folder, 'a.yaml'), targets ?? '');
  writeFileSync(join(folder, 'b.yaml'), `version: 1\n${rest ?? ''}`);
  writeFileSync(join(folder, 'a.test.yaml'), 'not: a policy\n');
  const made = await curfew(['policy', 'apply', folder], { env: envOf() });
  expect([made.code, made.err]).toEqual([0, '']);
  expect(await held()).toContain('#curfew-policy-file a.yaml');
  expect((await curfew(['policy', 'apply', join(folder, 'none')], { env: envOf() })).code).toBe(2);
});
