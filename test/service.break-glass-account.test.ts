/** Nobody approves a break-glass, so the account that asks is looked at: a stolen link code opens nothing (I6, I13). */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { AccountFacts } from '../domain/person.ts';
import { minuteMs } from '../domain/time.ts';
import { actingUseCases } from '../service/acting.ts';
import { ask, ok, startCompany, type Company } from './support/company.ts';

let company: Company;
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());
beforeEach(() => company.restore());

const glass = { kind: 'break-glass', role: 'write', ticket: 'INC-12', durationMs: 30 * minuteMs } as const;
const facts = (change: Partial<AccountFacts> = {}): AccountFacts => ({
  deleted: false,
  bot: false,
  restricted: false,
  stranger: false,
  readAt: company.now,
  ...change,
});
const announced = async (): Promise<number> =>
  (await company.store.admin.query('select from curfew.announcement')).length;
const unfit = [{ fresh: true }, { bot: true }, { restricted: true }, { stranger: true }, { deleted: true }] as const;

test.each(unfit)('an account that is %j breaks no glass, and it is written down', async (what) => {
  const before = await announced();
  const key = JSON.stringify(what);
  const refused = await company.use.open({ ...ask(company, glass), key, account: facts(what) });
  expect(refused).toMatchObject({ code: 'NotAllowed', message: expect.stringContaining('account') });
  const [entry] = await company.store.admin.query<{ body: Buffer }>(
    `select body from audit.entry where kind = 'request.refused' order by id desc limit 1`,
  );
  expect(JSON.parse(String(entry?.body))).toMatchObject({ ask: 'break-glass', code: 'NotAllowed' });
  expect(await announced()).toBe(before);
});

test.each(unfit)('a code for the command line that was got by an account that is %j breaks no glass', async (what) => {
  const code = ok(await company.use.personalCode({ person: company.id('ada'), account: facts() })).code;
  await company.store.admin.query(
    `update curfew.personal_code set account = account || $1::jsonb where replaced_at is null`,
    [JSON.stringify(what)],
  );
  const acting = actingUseCases(company.ctx, company.use);
  const asked = {
    target: 'orders-prod',
    role: 'write',
    incident: 'INC-12',
    reason: 'checkout down',
    key: 'by-command',
  };
  expect(await acting.breakGlass(code, asked)).toMatchObject({
    code: 'NotAllowed',
    message: expect.stringContaining('account'),
  });
});

test('one that is in order does, and so does one of which Slack says nothing: no incident waits for Slack', async () => {
  const first = await company.use.open({ ...ask(company, glass), key: 'in order', account: facts() });
  expect(ok(first).plan.verdict).toBe('break-glass');
  expect(ok(await company.use.open({ ...ask(company, glass), key: 'silent' })).plan.verdict).toBe('break-glass');
});
