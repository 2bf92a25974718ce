import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { RequestId } from '../domain/ids.ts';
import type { AccountFacts } from '../domain/person.ts';
import { formatInstant, minuteMs } from '../domain/time.ts';
import { actingUseCases } from '../service/acting.ts';
import {
  approved,
  claimed,
  ok,
  policyText,
  startCompany,
  withGrace,
  workerEnds,
  workerGrants,
  type Company,
  type Handle,
} from './support/company.ts';
import { serve, type TestApi } from './support/http.ts';
import { addPerson } from './support/store-sample.ts';
import { curfew, type Ran } from './support/terminal.ts';

let company: Company;
let api: TestApi;
/** What Slack says of everybody's account; undefined: it does not answer. */
let slack: Partial<AccountFacts> | undefined = {};
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());
const inOrder = { deleted: false, bot: false, restricted: false, stranger: false };
beforeEach(async () => {
  await company.restore();
  slack = {};
  for (const handle of ['ada', 'eve', 'olga', 'omar'] as const) {
    const account = { team: 'T1', user: `U${handle.toUpperCase()}` };
    await addPerson(company.store.as.curfew_directory, handle, { version: company.nextVersion(), slack: [account] });
  }
  const account = async () => slack && { ...inOrder, readAt: company.now, ...slack };
  api = await serve(company, [], { acting: actingUseCases(company.ctx, company.use, account) });
});
afterEach(() => api.end());

const byCommand = (): Promise<void> =>
  company.applyPolicy(policyText((text) => `${text}commandLine: { approve: true }\n`));
const codeOf = async (handle: Handle, account: Partial<AccountFacts> = {}): Promise<string> => {
  const facts = { ...inOrder, readAt: company.now, ...account };
  return ok(await company.use.personalCode({ person: company.id(handle), account: facts })).code;
};
const run = async (handle: Handle, words: readonly string[], code?: string): Promise<Ran> =>
  curfew(words, { env: { CURFEW_API: api.origin, CURFEW_CODE: code ?? (await codeOf(handle)) } });
const ask = ['request', 'orders-prod', 'read', '1h', '--reason', 'a slow query', '--json'];
async function asked(): Promise<string> {
  const { out, err } = await run('ada', ask);
  expect(err).toBe('');
  return (JSON.parse(out) as { requestId: string }).requestId;
}
const digestOf = async (handle: Handle, id: string): Promise<string> =>
  (JSON.parse((await run(handle, ['review', id, '--json'])).out) as { digest: string }).digest;

test('somebody asks, sees where it is, and another approves what they were shown', async () => {
  await byCommand();
  const id = await asked();
  const mine = await run('ada', ['mine']);
  expect(mine.out).toMatch(new RegExp(`asked\\s+${id}\\s+Name of ada\\s+orders-prod\\s+read\\s+awaiting`));
  expect((await run('ada', ['status', id])).out).toContain('State: awaiting');
  const review = await run('olga', ['review', id]);
  expect(review.out).toContain('Name of ada asks for read on orders-prod (orders) for 1 h');
  expect(review.out).toContain('Why: a slow query');
  const digest = await digestOf('olga', id);
  const approval = await run('olga', ['approve', id, '--digest', digest.slice(0, 12)]);
  expect([approval.code, approval.out, approval.err]).toEqual([0, 'Approved.\n', '']);
  expect((await run('olga', ['approve', id, '--digest', digest])).out).toBe('You had said so already.\n');
  expect((await run('ada', ['status', id])).out).toContain('State: approved');
});

test('whoever holds access reads until when new logins are let in, where the policy has a grace', async () => {
  for (const [text, says] of [
    [withGrace(), /until (\S+ \S+ UTC|\S+); new logins until \S+/],
    [policyText(), /until (\S+ \S+ UTC|\S+)\.?\n/],
  ] as const) {
    await company.applyPolicy(text);
    const requestId = await approved(company);
    const { endAt } = await claimed(company, requestId);
    await workerGrants(company, requestId, endAt);
    for (const words of [['status', requestId], ['mine']]) {
      const { out } = await run('ada', words);
      expect(out.split('\n').find((line) => line.includes('active')) + '\n').toMatch(says);
    }
    const json = JSON.parse((await run('ada', ['status', requestId, '--json'])).out) as object;
    const grace = text === policyText() ? 0 : 5 * minuteMs;
    expect(json).toMatchObject({ endAt, loginsStopAt: endAt - grace });
    const admin = { CURFEW_ADMIN_STORE_URL: company.store.url('curfew_admin') };
    const operator = JSON.parse((await curfew(['status', requestId, '--json'], { env: admin })).out) as object;
    expect(operator).toMatchObject({ grant: { loginsStopAt: formatInstant(endAt - grace) } });
    await workerEnds(company, requestId);
  }
});

test('a responder breaks glass with a code, as long as the policy allows, and not for an incident that is over (I13)', async () => {
  await addPerson(company.store.as.curfew_directory, 'ada', {
    version: company.nextVersion(),
    groups: [{ name: 'responders' }],
    slack: [{ team: 'T1', user: 'UADA' }],
  });
  const words = ['breakglass', 'orders-prod', 'write', 'INC-12', '--because', 'checkout down'];
  const { code, out, err } = await run('ada', [...words, '--key', 'the checkout']);
  expect([code, err]).toEqual([0, '']);
  expect(out).toContain('Glass is broken, and it is announced: write on orders-prod, by the rule incident.');
  expect((await run('ada', [...words, '--key', 'the checkout', '--for', '1h'])).out).toContain('(asked before)');
  expect((await run('ada', [...words, '--for', '61m'])).err).toContain('at most 1 h');
  expect((await run('olga', words)).err).toContain('may break glass');
  company.condition = 'over';
  expect((await run('ada', words)).err).toContain('INC-12 is resolved');
  company.condition = 'unknown';
  expect((await run('ada', words)).err).toContain('Nobody knows of an open incident INC-12');
});

test('whom a request does not concern is not shown its reason, and hears why it is not theirs to decide', async () => {
  const id = await asked();
  const stranger = await run('eve', ['review', id, '--json']);
  expect(stranger).toMatchObject({ code: 1, out: '' });
  expect(stranger.err).not.toContain('a slow query');
  expect((await run('eve', ['deny', id, '--reason', 'no'])).code).toBe(1);
  expect((await run('ada', ['review', id])).out).toContain('Why: a slow query');
  await run('olga', ['deny', id, '--reason', 'use the replica']);
  expect((await run('olga', ['review', id])).out).toContain('Why: a slow query');
});

test('without the policy’s leave nobody approves by command, but whoever may can deny', async () => {
  const id = await asked();
  const digest = await digestOf('olga', id);
  const approval = await run('olga', ['approve', id, '--digest', digest]);
  expect(approval.code).toBe(1);
  expect(approval.err).toContain('The policy lets nobody approve from the command line');
  expect((await run('olga', ['deny', id, '--reason', 'use the replica'])).out).toBe('Denied.\n');
  expect(company.temporal.view(id as RequestId).state).toMatchObject({ kind: 'closed', outcome: 'denied' });
});

test('nobody approves their own request, nor what they were not shown (I6, I7)', async () => {
  await byCommand();
  const id = await asked();
  const digest = await digestOf('ada', id);
  expect((await run('ada', ['approve', id, '--digest', digest])).err).toContain('You asked for this yourself');
  expect((await run('olga', ['approve', id, '--digest', '0'.repeat(12)])).err).toContain('is not this request');
  const unasked = await run('olga', ['approve', id]);
  expect([unasked.code, unasked.err]).toEqual([2, expect.stringContaining('Give --digest')]);
  expect((await run('ada', ['status', id])).out).toContain('State: awaiting');
});

test.each<readonly [string, Partial<AccountFacts> | undefined, Partial<AccountFacts>, string]>([
  ['Slack does not answer for', undefined, {}, 'Slack did not say'],
  ['is gone by now', { deleted: true }, {}, 'full members'],
  ['was looked at more than a minute ago', { readAt: 0 }, {}, 'could not be checked'],
  ['is linked beside another since today', {}, { fresh: true }, 'less than a day ago'],
])('an account that %s approves nothing', async (_what, now, minted, says) => {
  await byCommand();
  const id = await asked();
  const digest = await digestOf('olga', id);
  slack = now;
  const code = await codeOf('olga', minted);
  const { code: exit, err } = await run('olga', ['approve', id, '--digest', digest], code);
  expect([exit, err]).toEqual([1, expect.stringContaining(says)]);
});

test('a code is its person’s for ten minutes, until the next one, and nobody’s who has left', async () => {
  const first = await codeOf('ada');
  expect((await run('ada', ['mine'], first)).code).toBe(0);
  const second = await codeOf('ada');
  expect((await run('ada', ['mine'], first)).err).toContain('not valid');
  company.now += 10 * minuteMs + 1;
  expect((await run('ada', ['mine'], second)).err).toContain('not valid');
  const third = await codeOf('ada');
  await company.change('ada', { state: 'left' });
  expect((await run('ada', ['mine'], third)).code).toBe(1);
});

test('a call without a code is no guess', async () => {
  const calls = Array.from({ length: 25 }, () => api.post('/act/status', {}));
  expect((await Promise.all(calls)).map(({ status }) => status)).toEqual(calls.map(() => 404));
});

test('wrong codes from one address are turned away after a while, and no log line has a code', async () => {
  const wrong = 'AAAAA-BBBBB-CCCCC-DDDDD-EEEEE1';
  for (let tried = 0; tried < 20; tried += 1) expect((await run('ada', ['mine'], wrong)).err).toContain('not valid');
  const right = await codeOf('ada');
  expect((await run('ada', ['mine'], right)).err).toContain('Too many codes');
  // Who claims from the same address is not turned away for it.
  expect((await api.post('/claim/peek', { code: wrong })).status).toBe(404);
  expect(api.logged.join('\n')).not.toContain(wrong);
  expect(api.logged.join('\n')).not.toContain(right);
});

test('what is held is given back without naming it, and only by its holder', async () => {
  const requestId = await approved(company);
  const claim = await claimed(company, requestId);
  await workerGrants(company, requestId, claim.endAt);
  expect((await run('olga', ['release', requestId])).err).toContain('not your request');
  expect((await run('olga', ['release'])).err).toContain('You hold nothing');
  expect((await run('ada', ['release'])).out).toContain('it ends now');
  expect((await run('ada', ['release', requestId])).out).toContain('already');
});

test('what is held is kept longer, and the approvers are asked beyond the allowance', async () => {
  const requestId = await approved(company);
  const claim = await claimed(company, requestId);
  await workerGrants(company, requestId, claim.endAt);
  expect((await run('ada', ['extend', '--by', 'soon'])).code).toBe(2);
  const { out, err } = await run('ada', ['extend', requestId, '--by', '30m', '--reason', 'the import is slow']);
  expect([err, out]).toEqual(['', expect.stringContaining('Asked: until')]);
});

test('a start without a time zone, and a span that is none, are refused before anything is asked', async () => {
  expect((await run('ada', [...ask, '--start', '2026-12-24T08:00'])).code).toBe(2);
  expect((await run('ada', ['request', 'orders-prod', 'read', 'long', '--reason', 'x'])).code).toBe(2);
  expect((await run('ada', ['mine', '--code', 'not a code!'])).code).toBe(2);
  expect((await curfew(['mine'], { env: { CURFEW_API: api.origin } })).err).toContain('/curfew code');
});

test('the same request under one key is one request', async () => {
  const words = [...ask, '--key', 'my-own-key-1'];
  const [one, again] = [await run('ada', words), await run('ada', words)];
  const [first, second] = [JSON.parse(one.out), JSON.parse(again.out)] as [
    { requestId: string },
    { requestId: string },
  ];
  expect(second).toMatchObject({ requestId: first.requestId, repeated: true });
});

test('a route wants its code in the header, its body in JSON and its fields in form', async () => {
  const code = await codeOf('ada');
  const authorization = `Bearer ${code}`;
  expect((await api.post('/act/status', { code })).status).toBe(404);
  expect((await api.post('/act/status', {}, { authorization })).status).toBe(200);
  expect((await api.post('/act/status', { requestId: 'x' }, { authorization })).status).toBe(400);
  expect((await api.post('/act/request', { target: 'x', more: 1 }, { authorization })).status).toBe(400);
  expect((await api.post('/act/status', '{}', { authorization, 'content-type': 'text/plain' })).status).toBe(415);
  expect((await fetch(`${api.origin}/act/status`, { headers: { authorization } })).status).toBe(404);
});
