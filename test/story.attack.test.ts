/**
 * What people with a grudge and a session try, through the surfaces that they have: Slack, the claim page, HR's word on
 * them, and the database itself. Each is refused, and leaves the request where it was.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseError, type Client } from 'pg';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { makePassword, makeVerifier } from '../api/page/scram.js';
import { apiUrl, operatorEnvironment } from '../dev/stack/environments.ts';
import { slackChannels } from '../dev/company/workspace.ts';
import { elementsOf } from '../dev/slack/block-kit.ts';
import { actions, callbacks } from '../slack/ids.ts';
import { eventually } from './support/eventually.ts';
import { scratchFolder } from './support/folder.ts';
import { openTheatre, type Login, type Theatre } from './support/stage.ts';
import { curfew } from './support/terminal.ts';

let stage: Theatre;
beforeAll(async () => {
  stage = await openTheatre();
});
afterAll(() => stage?.end());
afterEach(async () => {
  await stage.settled();
  expect(await stage.findings()).toEqual([]);
});

/** The newest entry of this kind about the request, once there are as many as wanted. */
const refusal = (requestId: string, kind: string): Promise<string> =>
  eventually(`${kind} is in the audit log`, async () => {
    const code = await stage.refusalOf(requestId, kind);
    return code === 'none' ? undefined : code;
  });

/** Review, opened and approved by this person, with whatever Slack's client would send. */
async function tryToApprove(who: string, requestId: string): Promise<string> {
  await stage.openReview(who, requestId);
  const { action } = await stage.driver.submit(who, { [actions.verdict]: 'approve' });
  return action;
}

/** What takes two owners of one stage. */
const askForTwo = (): Promise<string> => stage.ask('jonas', 'orders-prod maintain 5m because INC-13 wrong totals');

async function dmWith(who: string, requestId: string, action: string) {
  return stage.driver.eventually(`${who} is shown ${action}`, async () =>
    (await stage.driver.dms(who)).find((one) =>
      elementsOf(one['blocks']).some((each) => each.actionId === action && each.element['value'] === requestId),
    ),
  );
}

async function hrSays(handle: string, type: 'person.left' | 'person.active'): Promise<void> {
  const at = new Date();
  const id = `msg_${handle}_${at.getTime()}`;
  const body = JSON.stringify({ type, data: { handle, version: at.getTime() } });
  const response = await fetch(`${apiUrl(stage.stack.settings)}/hooks/hr/default`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
      'webhook-signature': new Webhook(stage.stack.settings.secrets.hrSecret).sign(id, at, body),
    },
    body,
  });
  expect(response.status).toBe(200);
}

describe('approvers', () => {
  test('an alias of the requester does not approve, nor does a form whose sender was changed (I6)', async () => {
    const requestId = await stage.ask('amara', 'orders-prod read 5m because INC-12 slow checkout');
    expect(await tryToApprove('amara-admin', requestId)).toBe('updated');
    expect(await refusal(requestId, 'decision.refused')).toBe('SelfApproval');
    // Priya's own form, as it would arrive if amara's client had got hold of it.
    await stage.openReview('amara', requestId);
    await stage.openReview('priya', requestId);
    await stage.driver.submit(
      'priya',
      { [actions.verdict]: 'approve' },
      { edit: (payload) => ({ ...payload, user: { id: stage.workspace.userId('amara'), name: 'priya' } }) },
    );
    expect(await stage.inStore('select from curfew.decision where request_id = $1', [requestId])).toEqual([]);
    expect(await stage.stateOf(requestId)).toBe('awaiting');
    await stage.pressDm('amara', requestId, actions.withdraw);
    await stage.is(requestId, 'closed');
  });

  test('two accounts of one human fill one seat of two (I6)', async () => {
    // From here on amara and amara-admin both own payments data.
    const entry = (handle: string, rest: string): string =>
      `  - { handle: ${handle}, name: Amara, email: ${handle}@example.com, groups: [data-owners-payments], slack: { team: ${stage.workspace.team.id}, user: ${stage.workspace.userId(handle)} }${rest} }`;
    const people = [entry('amara', ''), entry('amara-admin', ', aliases: [amara]')].join('\n');
    const file = join(scratchFolder(), 'people.yaml');
    writeFileSync(file, `version: 1\ngroups: [data-owners-payments]\npeople:\n${people}\n`);
    const env = operatorEnvironment(stage.stack.settings);
    expect(await curfew(['people', 'import', file], { env })).toMatchObject({ code: 0, err: '' });
    const requestId = await askForTwo();
    await stage.approve('amara', requestId);
    expect(await tryToApprove('amara-admin', requestId)).toBe('updated');
    expect(await refusal(requestId, 'decision.refused')).toBe('ApproverNotEligible');
    expect(await tryToApprove('amara', requestId)).toBe('closed');
    expect(await stage.inStore('select from curfew.decision where request_id = $1', [requestId])).toHaveLength(1);
    expect(await stage.stateOf(requestId)).toBe('awaiting');
    await stage.pressDm('jonas', requestId, actions.withdraw);
    await stage.is(requestId, 'closed');
  });

  test('whoever left approves nothing more, and what they approved counts no more (I6 I8 I9)', async () => {
    const open = await stage.ask('diego', 'models-prod write 5m because relabelling');
    const approved = await stage.ask('mei', 'models-prod write 5m because relabelling');
    await stage.approve('lucia', approved);
    await stage.is(approved, 'approved');
    const claim = await dmWith('mei', approved, actions.claim);
    await stage.openReview('lucia', open);
    await hrSays('lucia', 'person.left');
    await stage.driver.submit('lucia', { [actions.verdict]: 'approve' });
    expect(await refusal(open, 'decision.refused')).toBe('ApproverNotEligible');
    await stage.is(approved, 'awaiting');
    await stage.driver.press('mei', claim, actions.claim);
    expect(await refusal(approved, 'code.refused')).toBe('NotPending');
    // Back again, and it gives nothing back.
    await hrSays('lucia', 'person.active');
    expect(await stage.stateOf(approved)).toBe('awaiting');
    await stage.pressDm('diego', open, actions.withdraw);
    await stage.pressDm('mei', approved, actions.withdraw);
    await stage.is(open, 'closed');
    await stage.is(approved, 'closed');
  });
});

const post = async (path: string, body: object): Promise<{ readonly status: number; readonly code: unknown }> => {
  const response = await fetch(`${apiUrl(stage.stack.settings)}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, code: ((await response.json()) as { code?: unknown }).code };
};

describe('codes', () => {
  test('nobody gets a code for what somebody else asked, and an older code is spent (I10)', async () => {
    const requestId = await stage.ask('mei', 'models-prod read 5m because checking label drift');
    const claim = await dmWith('mei', requestId, actions.claim);
    await stage.driver.press('diego', claim, actions.claim);
    expect(await refusal(requestId, 'code.refused')).toBe('NotAllowed');
    const first = await stage.codeFor('mei', requestId);
    const second = await stage.codeFor('mei', requestId);
    const verifier = await makeVerifier(makePassword());
    expect(await post('/claim', { code: first, verifier })).toEqual({ status: 410, code: 'CodeSpent' });
    // Withdrawn: the code that was good a moment ago makes nothing.
    await stage.pressDm('mei', requestId, actions.withdraw);
    await stage.is(requestId, 'closed');
    expect(await post('/claim', { code: second, verifier })).toEqual({ status: 409, code: 'NotPending' });
    expect(await stage.inStore('select from curfew.claim where request_id = $1', [requestId])).toEqual([]);
    expect(await stage.onTarget('select from pg_roles where rolname = $1', [roleOf(requestId)])).toEqual([]);
  });

  test('a claim that is repeated with another verifier changes nothing, and its code works for nothing else', async () => {
    const requestId = await stage.ask('mei', 'models-prod read 5m because checking label drift');
    const code = await stage.codeFor('mei', requestId);
    const login = await stage.claim(code);
    const password = makePassword();
    const verifier = await makeVerifier(password);
    expect(await post('/claim', { code, verifier })).toEqual({ status: 410, code: 'CodeSpent' });
    expect((await post('/claim/status', { code })).status).toBe(200);
    await expectRefused(stage.connect({ ...login, password }), /^28/);
    await (await stage.connect(login)).end();
    await release('mei', login);
  });
});

const roleOf = (requestId: string): string => `cfw_${requestId.replaceAll('-', '')}`;

async function release(who: string, login: Login): Promise<void> {
  await stage.pressDm(who, login.requestId, actions.release);
  await stage.is(login.requestId, 'closed');
}

async function expectRefused(work: Promise<unknown>, sqlstate: RegExp): Promise<void> {
  const error: unknown = await work.then(
    () => 'it was let through',
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DatabaseError);
  expect((error as DatabaseError).code).toMatch(sqlstate);
}

describe('bystanders', () => {
  test('an outsider ends nothing and gives nothing back, and a responder does not review themself (I13)', async () => {
    const requestId = await stage.ask('yuki', 'breakglass orders-prod write 10m INC-14 "checkout down"');
    const login = await stage.login('yuki', requestId);
    const session = await stage.connect(login);
    const card = await stage.cardOf(requestId);
    // To the auditor, who reads everything, belongs no ending.
    await stage.driver.press('rafael', card, actions.endNow);
    expect(await refusal(requestId, 'end.refused')).toBe('NotAllowed');
    await stage.driver.press('rafael', await dmWith('yuki', requestId, actions.release), actions.release);
    expect((await session.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await release('yuki', login);
    const review = await stage.driver.eventually('the request for a review', async () =>
      (await stage.driver.messages(slackChannels.ops)).find((one) =>
        elementsOf(one['blocks']).some(
          (each) => each.actionId === actions.reviewBreakGlass && each.element['value'] === requestId,
        ),
      ),
    );
    for (const [who, code] of [
      ['yuki', 'SelfApproval'],
      ['rafael', 'ApproverNotEligible'],
    ] as const) {
      await stage.driver.press(who, review, actions.reviewBreakGlass);
      await stage.driver.waitForModal(who, callbacks.review);
      await stage.driver.submit(who, { [actions.finding]: 'justified', [actions.note]: 'It was needed.' });
      await eventually(`${who} is refused`, async () => (await stage.refusalOf(requestId, 'review.refused')) === code);
    }
    expect(await stage.inStore('select from curfew.review where request_id = $1', [requestId])).toEqual([]);
  });
});

describe('the grantee', () => {
  test('gets no further than the template, not to another database and not past the end (I1 I2 I4 I22; P1 P25 P27)', async () => {
    const requestId = await stage.ask('mei', 'models-prod read 20s because checking label drift');
    const login = await stage.login('mei', requestId);
    const session = await stage.connect(login);
    const { role } = login;
    const forbidden = [
      'set role models_read',
      'set role models_write',
      'set session authorization postgres',
      'create table loot (a int)',
      'create temp table loot (a int)',
      'create schema loot',
      'create role accomplice login',
      `alter role ${role} valid until 'infinity'`,
      `alter role ${role} connection limit 50`,
      `alter role ${role} createrole`,
      `grant models_read to curfew_worker`,
      `grant ${role} to curfew_worker`,
      'select rolpassword from pg_authid',
      "copy (select 1) to program 'true'",
      'alter system set log_statement = none',
      "select pg_read_file('pg_hba.conf')",
      'select pg_terminate_backend(pid) from pg_stat_activity where usename = $$curfew_reaper$$',
    ];
    for (const text of forbidden) await expectRefused(session.query(text), /^(42501|3F000)$/);
    for (const database of ['orders', 'postgres', 'curfew_control', 'template1']) {
      await expectRefused(stage.connect({ ...login, database }), /^42501$/);
    }
    // As many sessions as the template allows, and no more.
    const more: Client[] = [await stage.connect(login), await stage.connect(login)];
    await expectRefused(stage.connect(login), /^53300$/);
    // A password of its own and no limit on its statements: PostgreSQL allows both, and neither helps.
    const password = makePassword();
    await session.query(`alter role ${role} password '${password}'`);
    await session.query(`alter role ${role} set statement_timeout = 0`);
    await more.pop()?.end();
    await eventually('a place is free', async () => (await stage.sessionsOf(role)) === 2);
    more.push(await stage.connect({ ...login, password }));
    // At the end it sits on its own role's row, so that nobody else can change it.
    await session.query('begin');
    await session.query(`alter role ${role} set work_mem = '1MB'`);
    await stage.is(requestId, 'closed', 60_000);
    expect(Date.now()).toBeLessThan(login.endAt + 30_000);
    expect(await stage.sessionsOf(role)).toBe(0);
    await expectRefused(stage.connect({ ...login, password }), /^28/);
    await expectRefused(stage.connect(login), /^28/);
    expect(await stage.ledgerOf(requestId)).toBe('revoked');
    for (const each of more) await each.end().catch(() => undefined);
  });
});
