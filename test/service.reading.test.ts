import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { randomUUID } from 'node:crypto';
import { code, ok, opened, policyText, startCompany, type Company } from './support/company.ts';

let company: Company;
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());
beforeEach(() => company.restore());

const asks = (requestId: string, handle: Parameters<Company['id']>[0]) =>
  company.use.status({ requestId, reader: company.id(handle) });

test('where a request stands is told to whoever asked, could decide, or could end it, and to nobody else', async () => {
  const { requestId } = await opened(company);
  for (const handle of ['ada', 'ada-admin', 'olga', 'carl'] as const) {
    expect(ok(await asks(requestId, handle)), handle).toMatchObject({ requestId, state: 'awaiting' });
  }
  for (const handle of ['eve', 'nina'] as const)
    expect(code(await asks(requestId, handle)), handle).toBe('UnknownRequest');
  expect(await asks(requestId, 'nina'), 'what is not theirs looks like what is not there').toEqual(
    await asks(randomUUID(), 'nina'),
  );
});

test('whom the policy lets read everything reads what they have no part in', async () => {
  const { requestId } = await opened(company);
  await company.change('nina', { groups: [{ name: 'auditors' }] });
  expect(code(await asks(requestId, 'nina'))).toBe('UnknownRequest');
  await company.applyPolicy(
    policyText((text) => text.replace('  endAnyGrant:', '  readEverything: [group:auditors]\n  endAnyGrant:')),
  );
  expect(ok(await asks(requestId, 'nina'))).toMatchObject({ requestId });
});
