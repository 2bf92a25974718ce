/** What auditors ask for: whole populations with their counts, and statements that give them again. */
import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PolicyHash, RequestId } from '../domain/ids.ts';
import * as policies from '../store/policies.ts';
import * as proposals from '../store/proposals.ts';
import * as reviews from '../store/reviews.ts';
import * as operatorLogins from '../store/operator-logins.ts';
import {
  approved,
  ask,
  claimed,
  click,
  ok,
  opened,
  policyText,
  startCompany,
  workerEnds,
  workerGrants,
  type Company,
} from './support/company.ts';
import { breakGlassPlan, plantAnnouncement, plantGrant, plantPerson, plantRequest } from './support/planted.ts';
import { curfew } from './support/terminal.ts';

type Printed = { count: number; query: string; whole: boolean; sums: string[]; rows: Record<string, unknown>[] };

let company: Company;
let held: RequestId;
let over: RequestId;
const between = ['--from', '2026-01-01', '--to', '2099-01-01'];

/** As curfew_auditor, who may change nothing. */
const run = (words: readonly string[]) =>
  curfew(['report', ...words], { env: { CURFEW_AUDITOR_STORE_URL: company.store.url('curfew_auditor') } });
const report = async (name: string, ...words: string[]): Promise<Printed> => {
  const ran = await run([name, ...between, ...words, '--format', 'json']);
  expect(ran.code, ran.err).toBe(0);
  return JSON.parse(ran.out) as Printed;
};

const approversOfOver = async () =>
  (await report('grants')).rows.find(({ request }) => request === over)?.approver_ids ?? expect.fail();

async function granted(): Promise<RequestId> {
  const id = await approved(company);
  const { endAt } = await claimed(company, id);
  await workerGrants(company, id, endAt);
  return id;
}

beforeAll(async () => {
  company = await startCompany();
  [over, held] = [await granted(), await granted()];
  await workerEnds(company, over);
});
afterAll(() => company?.end());

describe('curfew report', () => {
  test('grants: each from the request to the verified end, by whose word, and whether it is what was approved', async () => {
    const { count, rows, sums } = await report('grants');
    expect(count).toBe(2);
    expect(rows.find(({ request }) => request === over)).toMatchObject({
      person_id: company.id('ada'),
      person: 'Name of ada',
      target: 'orders-prod',
      reason: 'a slow query',
      approver_ids: [company.id('olga')],
      approvers: ['Name of olga'],
      ended_as: 'expired',
      as_approved: true,
      granted_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      ended_at: expect.stringMatching(/Z$/),
    });
    expect(rows.find(({ request }) => request === held)).toMatchObject({ ended_at: null, ended_as: 'not ended' });
    expect(sums).toEqual([
      '1 of them not known to have ended.',
      '0 never used; of 2 it is not known.',
      'Each is what was approved, and no longer.',
    ]);
    expect((await report('grants', '--target', 'models-prod')).count).toBe(0);
    expect((await report('grants', '--person', 'ben')).count).toBe(0);
    expect((await report('grants', '--person', company.id('ada'))).count).toBe(2);
  });

  test('grants: used, unused, or not known where the target’s log was not read whole', async () => {
    const { admin } = company.store;
    const used = async () => (await report('grants')).rows.map(({ request, used: was }) => [request === over, was]);
    expect((await used()).every(([, was]) => was === 'not known')).toBe(true);
    await admin.query(
      `insert into curfew.session_cursor (cluster, node, targets, next, read_to, whole_since)
       values ('main', 'primary', '{orders-prod}', 0, clock_timestamp() + interval '1 day', '2026-01-01')`,
    );
    expect(await used()).toContainEqual([true, 'unused']);
    await admin.query(
      `insert into curfew.session (cluster, node, session, request_id, database, opened_at, statements)
       values ('main', 'primary', 's-1', $1, 'orders', clock_timestamp(), 3)`,
      [over],
    );
    expect(await used()).toContainEqual([true, 'used']);
    expect((await report('grants')).rows.find(({ request }) => request === over)).toMatchObject({
      sessions: 1,
      statements: 3,
    });
  });

  test('grants: whose word stood when it was granted, and nobody whose word was void by then', async () => {
    const { admin } = company.store;
    const isVoid = (when: string) =>
      admin.query(
        `insert into curfew.decision_void (decision_id, cause, actor, voided_at)
         select d.id, 'mistaken', 'curfew_worker', g.granted_at + $2::interval
         from curfew.decision d join curfew.access_grant g on g.request_id = d.request_id where g.request_id = $1`,
        [over, when],
      );
    await isVoid('1 second');
    expect(await approversOfOver()).toEqual([company.id('olga')]);
    await admin.query(`delete from curfew.decision_void`);
    await isVoid('-1 second');
    expect(await approversOfOver()).toEqual([]);
    await admin.query(`delete from curfew.decision_void`);
  });

  test('grants: one that is not what was approved is named', async () => {
    const receipt = (change: string) =>
      company.store.admin.query(
        `update curfew.receipt set body = body || $2 where request_id = $1 and kind = 'grant'`,
        [held, change],
      );
    await receipt('{"template": "orders_write"}');
    expect((await report('grants')).sums[2]).toBe(`1 NOT AS APPROVED: ${held}.`);
    await receipt('{"template": "orders_read"}');
  });

  test('refusals: what was tried, by whom, with its code, and self-approval among it', async () => {
    const { requestId } = await opened(company);
    await click(company, requestId, 'ada');
    await click(company, requestId, 'nina');
    await company.use.open(ask(company, { person: company.id('nina') }));
    const { rows, sums } = await report('refusals');
    const tried = rows.map(({ kind, code, actor, target }) => [kind, code, actor, target]);
    expect(tried).toContainEqual(['decision.refused', 'SelfApproval', company.id('ada'), 'orders-prod']);
    expect(tried).toContainEqual(['decision.refused', 'ApproverNotEligible', company.id('nina'), 'orders-prod']);
    expect(tried).toContainEqual(['request.refused', 'PolicyDenied', company.id('nina'), null]);
    expect(sums).toContain('SelfApproval: 1.');
    expect((await report('refusals', '--person', 'nina')).rows.every(({ person }) => person === 'Name of nina')).toBe(
      true,
    );
  });

  test('approvers: every word with whose request it was about, and the void ones with why', async () => {
    const id = await approved(company);
    const { store } = company;
    const [{ decision } = { decision: '' }] = await store.admin.query<{ decision: string }>(
      'select id as decision from curfew.decision where request_id = $1',
      [id],
    );
    await store.as.curfew_worker.query(
      `insert into curfew.decision_void (decision_id, cause, actor) values ($1, 'mistaken', 'curfew_worker')`,
      [decision],
    );
    const { rows } = await report('approvers', '--person', 'olga');
    expect(rows.every(({ approver_id: who }) => who === company.id('olga'))).toBe(true);
    expect(rows.find(({ subject }) => subject === over)).toMatchObject({
      what: 'request',
      verdict: 'approve',
      requester: 'Name of ada',
      counts: true,
    });
    expect(rows.find(({ subject }) => subject === id)).toMatchObject({ counts: false, void_because: 'mistaken' });
  });

  test('policy-changes: each version with its proposer, and a proposal that waits', async () => {
    const { rows } = await report('policy-changes');
    expect(rows[0]).toMatchObject({ version: 1, state: 'held from then on', one_person: true, before: null });
    expect(rows[0]?.hash).toMatch(/^[0-9a-f]{64}$/);
    const text = 'schema: 1\n';
    const hash = createHash('sha256').update(text).digest('hex') as PolicyHash;
    const changes = ['nobody may have anything any more'];
    const { store } = company;
    const { id } = await store.as.curfew_admin.transaction((tx) =>
      policies.propose(tx, { hash, text, onePerson: false, changes }, 'curfew_admin'),
    );
    const waits = async () => (await report('policy-changes')).rows.find(({ proposal }) => proposal === id);
    expect(await waits()).toMatchObject({ state: 'waits', version: null, hash, proposed_by: 'curfew_admin', changes });
    const person = await plantPerson(store, { groups: ['controllers'] });
    const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: Date.now() };
    await proposals.insertDecision(store.as.curfew_api, {
      proposal: id,
      person: person.id,
      hash,
      verdict: 'deny',
      facts: { person, account },
      madeAt: Date.now(),
    });
    expect(await waits()).toMatchObject({ state: 'denied', decided: [`deny by ${person.id} (-)`] });
    const policy = (await report('approvers', '--person', person.id)).rows;
    expect(policy).toMatchObject([{ what: 'policy', verdict: 'deny', subject: hash, target: null }]);
  });

  test('admins: logins with what they may, by membership too; policy approvers; and what each did', async () => {
    await company.store.admin.query(
      `create role ada_ops login password 'a-long-enough-word' in role curfew_admin; create role nobody_ops login`,
    );
    await company.store.as.curfew_admin.transaction((tx) => operatorLogins.link(tx, 'ada_ops', company.id('ada')));
    const { rows } = await report('admins');
    const who = (name: string) => rows.find((row) => row.who === name);
    expect(who('ada_ops')).toMatchObject({ may: ['curfew_admin'], person: 'Name of ada', acts: 0 });
    expect(who('nobody_ops')).toBeUndefined();
    expect(who('curfew_auditor')).toBeUndefined();
    expect(who('curfew_api')).toMatchObject({ may: ['curfew_api'], acts: expect.any(Number) });
    expect(rows.some(({ may }) => (may as string[]).includes('superuser'))).toBe(true);
    expect(rows.filter(({ what }) => what === 'policy approver')).toEqual([]);
    await company.applyPolicy(
      policyText((text) => text.replace('powers:\n', 'powers:\n  changePolicy: [group:controllers]\n')),
    );
    const approvers = (await report('admins')).rows.filter(({ what }) => what === 'policy approver');
    expect(approvers).toContainEqual(
      expect.objectContaining({ who: 'carl', may: ['group controllers'], acts: 0, person: 'Name of carl' }),
    );
  });

  test('leavers: what was held at the word, against its verified end, the worst first; and what was not ended', async () => {
    company.now += 1_000;
    ok(
      await company.use.leave({
        who: { handle: 'ada' },
        state: 'left',
        source: 'hr',
        event: 'event-1',
        version: Date.now(),
        actor: 'curfew_directory',
        effectiveAt: company.now,
      } as Parameters<Company['use']['leave']>[0]),
    );
    const open = await report('leavers', '--person', 'ada');
    expect(open.rows).toMatchObject([{ word: 'left', person: 'Name of ada', request: held, became: 'NOT ENDED' }]);
    expect(open.sums[1]).toBe(`The worst: NOT ENDED ${held}.`);
    company.now = Date.now() + 700;
    await workerEnds(company, held);
    const ended = await report('leavers');
    const row = ended.rows.find(({ request }) => request === held);
    expect(row).toMatchObject({ became: 'ended', seconds: expect.any(Number) });
    expect(ended.sums[1]).toBe(`The worst: ${String(row?.seconds)} s, request ${held}.`);
  });

  test('breakglass: the register, with a review that is owed, one that was given, and none to give', async () => {
    expect((await run(['breakglass', ...between])).out).toContain('Nobody broke glass.\n');
    const { store } = company;
    const who = await plantPerson(store, { groups: ['responders'] });
    const fields = { kind: 'break-glass', ticket: 'INC-12', plan: breakGlassPlan() } as const;
    const [owed, reviewed, never] = [
      await plantRequest(store, who.id, fields),
      await plantRequest(store, who.id, fields),
      await plantRequest(store, who.id, fields),
    ];
    const twoDaysAgo = Date.now() - 2 * 86_400_000;
    for (const request of [owed, reviewed]) {
      await plantAnnouncement(store, request);
      await plantGrant(store, request, twoDaysAgo + 600_000, twoDaysAgo);
    }
    await store.as.curfew_api.transaction((tx) =>
      reviews.insert(
        tx,
        { requestId: reviewed.id, person: company.id('carl'), verdict: 'justified', reviewedAt: Date.now() },
        { text: 'they had to', salt: randomBytes(16) },
      ),
    );
    const { rows, sums } = await report('breakglass');
    const of = (id: string) => rows.find(({ request }) => request === id);
    expect(of(owed.id)).toMatchObject({ review: 'OWED', incident: 'INC-12', incident_known: true, reviewer_id: null });
    expect(of(owed.id)?.announced).toEqual([
      expect.stringMatching(/^slack committed .*Z, delivered never$/),
      expect.stringMatching(/^webhook committed .*Z, delivered never$/),
    ]);
    expect(of(reviewed.id)).toMatchObject({ review: 'justified', reviewer: 'Name of carl', note: 'they had to' });
    expect(of(never.id)).toMatchObject({ review: 'nothing was granted', granted_at: null });
    expect(sums).toEqual(['1 reviewed, 1 owed, 0 wait; 0 by hand.']);
    const env = { CURFEW_ADMIN_STORE_URL: store.url('curfew_admin') };
    const said = 'orders-prod write INC-9 --by ben --by olga --from 2026-05-01T01:10Z --to 2026-05-01T01:52Z';
    expect(await curfew(['breakglass', 'record', ...said.split(' ')], { env })).toMatchObject({ code: 0 });
    const byHand = (await report('breakglass', '--person', 'olga')).rows;
    expect(byHand).toMatchObject([
      {
        how: 'by hand',
        request: null,
        person_id: `${company.id('ben')}; ${company.id('olga')}`,
        person: 'Name of ben; Name of olga',
        opened_at: '2026-05-01T01:10:00.000Z',
        ended_at: '2026-05-01T01:52:00.000Z',
        review: 'recorded by curfew_admin',
      },
    ]);
  });

  test.each(['grants', 'leavers', 'breakglass', 'refusals', 'approvers', 'policy-changes', 'admins'])(
    '%s: the statement gives the same rows again, as the auditor, and the table says how many',
    async (name) => {
      const { count, query, whole } = await report(name);
      expect(whole).toBe(true);
      expect(await company.store.as.curfew_auditor.query(query)).toHaveLength(count);
      const table = await run([name, ...between]);
      expect(table.out).toContain(`(UTC): ${count} `);
      expect(table.out).toContain(`set time zone 'UTC';\n${query};\n`);
    },
  );

  test('as CSV the population alone is on standard output, and what is said of it beside', async () => {
    const { count } = await report('approvers');
    const ran = await run(['approvers', ...between, '--format', 'csv']);
    expect(ran.out.trimEnd().split('\r\n')).toHaveLength(count + 1);
    expect(ran.out).toMatch(/^approver_id,approver,decided_at,/);
    expect(ran.err).toContain(`${count} decisions, which is all of them.`);
  });

  test('somebody who was erased has an id and no name, and is counted as before', async () => {
    const before = await report('grants');
    await company.store.admin.query(`delete from curfew.personal where person = $1`, [company.id('ada')]);
    const after = await report('grants');
    expect(after.count).toBe(before.count);
    expect(after.rows.find(({ request }) => request === over)).toMatchObject({
      person_id: company.id('ada'),
      person: null,
      reason: null,
    });
  });

  test('where the log begins later than the period, the report says that it is not whole', async () => {
    await company.store.admin.query(`insert into audit.leaf (index, entry, hash) values (0, 0, sha256(''))`);
    expect((await report('refusals')).whole).toBe(false);
    expect((await report('grants')).whole).toBe(true);
    expect((await run(['refusals', ...between])).out).toMatch(
      /^NOT WHOLE: entries of the log from before .*Z have been/m,
    );
    const env = { CURFEW_AUDITOR_STORE_URL: company.store.url('curfew_auditor') };
    expect((await curfew(['audit', 'export', ...between], { env })).err).toContain('NOT WHOLE: ');
    const from = new Date(Date.now() + 1_000).toISOString().replace(/\.\d+/, '');
    const ran = await run(['refusals', '--from', from, '--to', '2099-01-01', '--json']);
    expect(JSON.parse(ran.out)).toMatchObject({ whole: true, count: 0 });
  });

  test('what is no instant, no format or no option of a report is said, and nothing is read', async () => {
    expect((await run(['grants', '--from', 'yesterday'])).code).toBe(2);
    expect((await run(['grants', '--format', 'xml'])).code).toBe(2);
    expect((await run(['grants', '--format', 'csv', '--json'])).code).toBe(2);
    expect((await run(['grants', '--from', '2099-01-01'])).err).toContain('--to, which is now where it is not given');
    expect((await run(['admins', '--target', 'orders-prod'])).code).toBe(2);
    expect((await run(['grants', '--person', 'nobody'])).err).toContain('Nobody has the handle nobody.');
    // As of a variable that is not set: neither nothing of it, nor all of it, is what was asked for.
    for (const name of ['grants', 'objects'])
      expect(await run([name, '--target', ''])).toMatchObject({
        code: 2,
        out: '',
        err: '--target takes the name of a target.\n',
      });
  });
});
