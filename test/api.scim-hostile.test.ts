/** What no identity provider sends (F44): nothing of it is a 500, makes anybody active, changes Object, or takes long. */
import { request as httpRequest } from 'node:http';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { secondMs } from '../domain/time.ts';
import { startCompany, type Company } from './support/company.ts';
import { openScim, type ScimClient } from './support/scim.ts';

let company: Company;
let scim: ScimClient;
let [suspended, active, group] = ['', '', ''];
beforeAll(async () => {
  company = await startCompany();
  scim = await openScim(company);
  suspended = await scim.user('hostile.suspended', { active: false });
  active = await scim.user('hostile.active');
  group = await scim.group('Hostile Group', [active]);
});
afterAll(async () => {
  await scim?.end();
  await company?.end();
});

/** Only whoever was active before is. */
afterEach(async () => {
  const rows = await company.store.admin.query<{ handle: string }>(
    `select handle from curfew.person where state = 'active' and handle like 'hostile.%' and handle <> 'hostile.active'`,
  );
  expect(rows).toEqual([]);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  expect(scim.api.logged.filter((line) => line.includes('unexpected'))).toEqual([]);
});

type Input = readonly [method: string, path: string, body?: string, headers?: Readonly<Record<string, string>>];

const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const deepObject = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;

const values: readonly string[] = [
  '"banana"',
  '"\\u0000"',
  '"\\ud800"',
  '"true\\u0000"',
  '1e999',
  '-1',
  '2',
  '{}',
  '{"value":{}}',
  '{"value":{"value":{"value":{"value":{"value":true}}}}}',
  '[[[[[[true]]]]]]',
  '[{"value":"yes"}]',
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  '{"toString":"x","valueOf":null}',
  '"<script>alert(1)</script>"',
  `"'; drop table curfew.person; --"`,
  '"${jndi:ldap://x}"',
  `"${'x'.repeat(5_000)}"`,
  '"@channel *bold* <!everyone>"',
];
const paths: readonly string[] = [
  'displayName',
  'name',
  'emails',
  'userName',
  'externalId',
  '__proto__',
  '__proto__.polluted',
  'constructor.prototype.polluted',
  'name.__proto__.polluted',
  'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:__proto__.polluted',
  'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager',
  'emails[type eq \\"work',
  'emails[][][].value',
  'active.active.active',
  `${'a.'.repeat(2_000)}b`,
  ' ',
];
const bodies: readonly string[] = [
  '',
  'null',
  'true',
  '"active"',
  '0',
  '[]',
  '[1,2,3]',
  '{',
  '{"active":tru',
  '{"userName":"hostile.new","active":"TRUE!"}',
  '{"userName":"hostile.new","active":1}',
  '{"userName":"hostile.new","active":"1"}',
  '{"userName":"hostile.new","active":"yes"}',
  '{"userName":"hostile.new","active":[true,false]}',
  '{"userName":"hostile.new","active":true,"Active":false}',
  '{"userName":["hostile.new"],"active":true}',
  '{"userName":{"toString":"hostile.new"},"active":true}',
  '{"userName":"","active":true}',
  '{"userName":" ","active":true}',
  '{"userName":"hostile new","active":true}',
  '{"userName":"hostile.\\u0000","active":true}',
  '{"userName":"hostile/../..","active":true}',
  '{"userName":null,"active":true}',
  '{"active":true}',
  `{"userName":"hostile.${'x'.repeat(400)}","active":true}`,
  '{"__proto__":{"userName":"hostile.new","active":true}}',
  '{"schemas":["urn:nothing"],"Operations":[]}',
  '{"Operations":{"length":4294967295}}',
  '{"Operations":[null,1,"x",[],{}]}',
  '{"Operations":[{"op":{"toString":"replace"},"path":"active","value":true}]}',
  '{"Operations":[{"op":"replace","path":["active"],"value":{"active":"banana"}}]}',
  '{"Operations":[{"op":"__proto__","path":"active","value":"banana"}]}',
  `{"Operations":[${Array.from({ length: 5_000 }, () => '{"op":"add","path":"title","value":"x"}').join(',')}]}`,
  nested(17),
  nested(200_000),
  deepObject(100_000),
  `{"a":"${'x'.repeat(1_100_000)}"}`,
  `{"userName":"hostile.many","emails":[${Array.from({ length: 5_000 }, () => '{"value":"a@b.c"}').join(',')}]}`,
  '{"members":[{"value":"x"}],"displayName":"x"}',
  '{"members":"x","displayName":7}',
  '{"displayName":"../../etc","members":[{"value":{"$ne":1}}]}',
  '\uFEFF{}',
];
const filters: readonly string[] = [
  '',
  ' ',
  'userName',
  'userName eq',
  'userName eq "',
  'userName eq "a" and',
  'and and and',
  'not not not (a pr)',
  'not a pr',
  '(((((((((((((((a pr)))))))))))))))',
  `${'('.repeat(400)}a pr${')'.repeat(400)}`,
  Array.from({ length: 60 }, () => 'a pr').join(' or '),
  Array.from({ length: 25 }, () => '(a eq 1 or b eq 2)').join(' and '),
  `userName eq "${'x'.repeat(2_000)}"`,
  'userName eq "\\u0000"',
  'externalId eq "\\u0000"',
  'externalId eq "\\ud800"',
  'userName eq "a\\"',
  'userName xx "a"',
  'userName eq a',
  'userName eq 1e5',
  'userName eq -',
  '__proto__ pr',
  '__proto__.polluted eq true',
  'constructor.name eq "Object"',
  'members[value eq "x"',
  'members[[value eq "x"]]',
  'emails[type eq "work"][value pr]',
  'id eq "\' or 1=1 --"',
  'userName eq "a"; drop table curfew.person',
  'userName eq "%"',
  'userName co "_%"',
  `${'a'.repeat(900)} pr`,
  `${'a.'.repeat(450)}b pr`,
  '"userName" eq "a"',
  '\u202Epr resUemaN',
];
const ids: readonly string[] = [
  'null',
  '..',
  '%2e%2e%2f%2e%2e',
  '%00',
  '%E0%A4%A',
  "'%20or%201=1",
  '00000000-0000-0000-0000-00000000000g',
  'x'.repeat(2_000),
  '__proto__',
  '%22%20or%20userName%20pr',
  ':id',
  '*',
];
const queries: readonly string[] = [
  'startIndex=-1',
  'startIndex=99999999999999',
  'startIndex=1e3',
  'startIndex=__proto__',
  'count=-5',
  'count=NaN',
  'count=1000000',
  'attributes=',
  'attributes=(',
  'attributes=a%20pr%20or%20b',
  'attributes=__proto__',
  'attributes=constructor,toString',
  `attributes=${'a,'.repeat(500)}a`,
  'excludedAttributes=id,meta,schemas',
  'excludedAttributes=%00',
  'sortBy=__proto__&sortOrder=sideways',
  '__proto__[polluted]=1',
  'filter[]=a&filter=b',
  'attributes=userName&excludedAttributes=userName',
  '%',
];

const patch = (path: string, value: string): string =>
  `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"${path}","value":${value}}]}`;

function inputs(): readonly Input[] {
  const user = `/Users/${suspended}`;
  const groupPath = `/Groups/${group}`;
  return [
    ...values.map((value): Input => ['PATCH', user, patch('active', value)]),
    ...values.map((value): Input => ['PATCH', user, patch('displayName', value)]),
    ...values.map((value): Input => ['PATCH', groupPath, patch('members', value)]),
    ...values.map((value): Input => [
      'PUT',
      user,
      `{"userName":"hostile.suspended","name":${value},"emails":${value}}`,
    ]),
    ...values.map((value): Input => ['POST', '/Users', `{"userName":${value},"active":true,"externalId":${value}}`]),
    ...paths.map((path): Input => ['PATCH', user, patch(path, '"x"')]),
    ...paths.map((path): Input => ['PATCH', user, patch(path, '{"__proto__":{"polluted":true}}')]),
    ...paths.map((path): Input => ['PATCH', groupPath, patch(path, '["x"]')]),
    ...bodies.flatMap((body): readonly Input[] => [
      ['POST', '/Users', body.replace('"active":true', '"active":"true!"')],
      ['PUT', user, body.replace('"active":true', '"active":"true!"')],
      ['PATCH', user, body],
      ['POST', '/Groups', body],
      ['PATCH', groupPath, body],
    ]),
    ...filters.flatMap((filter): readonly Input[] => [
      ['GET', `/Users?filter=${encodeURIComponent(filter.toWellFormed())}`],
      ['GET', `/Groups?filter=${encodeURIComponent(filter.toWellFormed())}`],
    ]),
    ...queries.flatMap((query): readonly Input[] => [
      ['GET', `/Users?${query}`],
      ['GET', `/Users/${active}?${query}`],
      ['GET', `/Schemas?${query}`],
    ]),
    ...ids.flatMap((id): readonly Input[] => [
      ['GET', `/Users/${id}`],
      ['PATCH', `/Users/${id}`, patch('active', 'true')],
      ['PATCH', `/Groups/${id}`, patch('displayName', '"x"')],
      ['DELETE', `/Groups/${id}`],
      ['GET', `/Schemas/${id}`],
    ]),
    ['POST', '/Users', 'userName=hostile.form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['POST', '/Users', '{}', { 'content-encoding': 'gzip' }],
    ['POST', '/Users', '{}', { 'content-type': 'application/scim+json; charset=utf-7' }],
    ['POST', '/Users/', '{}', { 'x-http-method-override': 'DELETE' }],
    ['TRACE', user],
    ['OPTIONS', user],
  ];
}

/** As it stands, without what `fetch` would mend. */
const raw = (origin: string, token: string, [method, path, body, headers = {}]: Input): Promise<number> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(origin);
    const own = { authorization: `Bearer ${token}`, 'content-type': 'application/scim+json', ...headers };
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const call = httpRequest(
      { hostname, port, method, path: `/scim/v2${path}`, headers: { ...own, ...length }, agent: false },
      (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
      },
    );
    call.on('error', reject);
    call.end(body);
  });

test('hundreds of hostile inputs: none is a 500, and each is answered at once (F44)', async () => {
  const all = inputs();
  expect(all.length).toBeGreaterThan(400);
  const bad: string[] = [];
  for (const input of all) {
    const since = performance.now();
    const status = await raw(scim.api.origin, scim.token, input);
    const tookMs = performance.now() - since;
    const told = `${input[0]} ${input[1].slice(0, 80)} ${(input[2] ?? '').slice(0, 120)}: ${status}`;
    if ((status >= 500 && status !== 501) || status === 0 || tookMs > 2 * secondMs) bad.push(`${told} ${tookMs}`);
  }
  expect(bad).toEqual([]);
}, 120_000);

test('what is hostile made nobody and changed nobody', async () => {
  const rows = await company.store.admin.query<{ handle: string; state: string }>(
    `select handle, state from curfew.person where handle like '%hostile%' or handle ~ '[^a-z.-]' order by 1`,
  );
  expect(rows.filter(({ state }) => state === 'active')).toEqual([{ handle: 'hostile.active', state: 'active' }]);
  expect(await scim.send('GET', `/Users/${active}`)).toMatchObject({ status: 200, body: { active: true } });
});
