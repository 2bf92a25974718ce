/** A leaver is off-boarded wherever in a call somebody says so, and a "done" is never said of what was not understood. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { userPage } from '../api/scim/lists.ts';
import type { PersonId } from '../domain/ids.ts';
import type { ScimCaller, ScimUseCases } from '../service/contract-scim.ts';
import type { ScimUserRow } from '../store/scim-users.ts';
import { startCompany, type Company } from './support/company.ts';
import { openScim, plantToken, scimClient, type ScimClient } from './support/scim.ts';

let company: Company;
let scim: ScimClient;
beforeAll(async () => {
  company = await startCompany();
  scim = await openScim(company);
});
afterAll(async () => {
  await scim?.end();
  await company?.end();
});
const stateOf = async (handle: string) =>
  (await company.store.admin.query<{ state: string }>('select state from curfew.person where handle = $1', [handle]))[0]
    ?.state;
let count = 0;
async function somebody(): Promise<{ readonly id: string; readonly name: string }> {
  const name = `said.${(count += 1)}`;
  return { id: await scim.user(name), name };
}

const replace = { op: 'replace', path: 'active', value: false };
test.each<readonly [what: string, body: unknown]>([
  ['after a mark of the byte order', `\uFEFF${JSON.stringify({ Operations: [replace] })}`],
  ['as a bare list of operations', [replace]],
  ['with a path that begins with a slash', { Operations: [{ ...replace, path: '/active' }] }],
  ['with a path in a list', { Operations: [{ ...replace, path: ['active'] }] }],
  ['as an operation inside of a list of values', { Operations: [{ op: 'replace', value: [replace] }] }],
  ['as an operation inside of a value', { Operations: [{ op: 'replace', value: { path: 'Active', value: 'False' } }] }],
  ['with the operations as a text', { Operations: JSON.stringify([replace]) }],
  [
    "under the schema's name",
    { 'urn:ietf:params:scim:api:messages:2.0:PatchOp': { operations: [{ ...replace, value: 'FALSE ' }] } },
  ],
  ["under the schema's name, joined", { 'urn:ietf:params:scim:api:messages:2.0:PatchOp:Operations': [replace] }],
])('a PATCH that says it %s ends what they have (I9)', async (_what, body) => {
  const { id, name } = await somebody();
  expect((await scim.send('PATCH', `/Users/${id}`, body)).status).toBe(204);
  expect(await stateOf(name)).toBe('suspended');
});

test('an id in capitals is the same person, also to be read', async () => {
  const { id, name } = await somebody();
  expect((await scim.send('GET', `/Users/${id.toUpperCase()}`)).body).toMatchObject({ id, userName: name });
  expect((await scim.send('PATCH', `/Users/${id.toUpperCase()}`, { Operations: [replace] })).status).toBe(204);
  expect(await stateOf(name)).toBe('suspended');
});

test('a PATCH of which nothing is understood is no "done"', async () => {
  const { id, name } = await somebody();
  for (const body of [{}, { Operations: [] }, { Operations: 'x' }, [], { operation: [replace] }, 5])
    expect([body, (await scim.send('PATCH', `/Users/${id}`, body)).status]).toEqual([body, 400]);
  expect(await stateOf(name)).toBe('active');
});

test('a source whose token has run out is an alarm, until another one is used (I9)', async () => {
  const about = async (source: string): Promise<number> =>
    (await company.store.admin.query('select from curfew.alarm where key = $1', [`scim-token-over/${source}`])).length;
  const runsOut = (id: string): Promise<unknown> =>
    company.store.admin.query('update curfew.scim_token set expires_at = clock_timestamp() where id = $1', [id]);
  const [alone, old] = [randomUUID(), randomUUID()];
  const clients = [
    await plantToken(company, { id: alone, source: 'scim-alone' }),
    await plantToken(company, { id: old, source: 'scim-pair' }),
    await plantToken(company, { source: 'scim-pair' }),
  ].map((token) => scimClient(scim.api, token));
  for (const client of clients) expect((await client.send('GET', '/Users')).status).toBe(200);
  for (const id of [alone, old]) await runsOut(id);
  expect((await clients[0]?.send('GET', '/Users'))?.status).toBe(401);
  expect((await clients[1]?.send('GET', '/Users'))?.status).toBe(401);
  expect([await about('scim-alone'), await about('scim-pair')]).toEqual([1, 0]);
});

const unnamed = {
  state: 'active',
  kind: 'employee',
  manager: null,
  name: null,
  email: null,
  userName: null,
  externalId: null,
  groups: [],
  madeAt: 0,
  changedAt: 0,
} as const;

test('a filter over everybody lets others get a word in', async () => {
  const caller: ScimCaller = { id: randomUUID(), source: 'scim-x', scopes: ['users:read'], inactive: 'left' };
  const rows = Array.from({ length: 3_000 }, (_, index): ScimUserRow => ({
    ...unnamed,
    id: randomUUID() as PersonId,
    handle: `h${index}`,
  }));
  const users: ScimUseCases['users'] = () => Promise.resolve({ rows, total: rows.length });
  let [turns, going] = [0, true];
  const turn = (): unknown => going && setImmediate(() => ((turns += 1), turn()));
  turn();
  const page = await userPage({ users } as ScimUseCases, caller, {
    filter: 'userName ew "7" or displayName pr',
    startIndex: 1,
    count: 5,
  });
  going = false;
  expect(page).toMatchObject({ total: 300 });
  expect(turns).toBeGreaterThan(20);
});
