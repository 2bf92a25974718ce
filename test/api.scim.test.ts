import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CurfewError, isRefusal } from '../domain/errors.ts';
import type { PersonId } from '../domain/ids.ts';
import { directoryContext } from '../service/directory-context.ts';
import { scimUseCases } from '../service/scim.ts';
import { entriesOf } from '../store/audit.ts';
import * as people from '../store/people.ts';
import { scimScopes } from '../store/scim-tokens.ts';
import { opened, startCompany, type Company } from './support/company.ts';
import { serve } from './support/http.ts';
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

const core = 'urn:ietf:params:scim:schemas:core:2.0:User';
const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const factsOf = async (id: string) => (await people.factsOf(company.store.admin, id as PersonId)) ?? expect.fail(id);
const groupsOf = async (id: string) => (await factsOf(id)).groups;
const stateOf = async (handle: string): Promise<string | undefined> =>
  (await company.store.admin.query<{ state: string }>('select state from curfew.person where handle = $1', [handle]))[0]
    ?.state;
const alarms = (code: string) =>
  company.store.admin.query<{ subject: string }>('select subject from curfew.alarm where code = $1', [code]);
const find = async (client: ScimClient, filter: string, kind = 'Users'): Promise<readonly string[]> => {
  const answer = await client.send('GET', `/${kind}?filter=${encodeURIComponent(filter)}`);
  expect(answer, filter).toMatchObject({ status: 200 });
  const found = answer.body['Resources'] as readonly { readonly userName?: string; readonly displayName: string }[];
  return found.map(({ userName, displayName }) => userName ?? displayName).toSorted();
};

describe('users', () => {
  test('are made, read, changed and removed, each with its ETag and address', async () => {
    const made = await scim.send('POST', '/Users', {
      schemas: [core, enterprise],
      userName: 'Amara@acme.example',
      externalId: '00u1',
      active: true,
      name: { givenName: 'Amara', familyName: 'Diaz' },
      emails: [{ value: 'amara@acme.example', primary: true, type: 'work' }],
      userType: 'Contractor',
      title: 'Analyst',
      password: 'canary-password',
    });
    const id = String(made.body['id']);
    const shown = {
      id,
      schemas: [core],
      userName: 'Amara@acme.example',
      externalId: '00u1',
      active: true,
      displayName: 'Amara Diaz',
      name: { formatted: 'Amara Diaz' },
      emails: [{ value: 'amara@acme.example', type: 'work', primary: true }],
      userType: 'Contractor',
    };
    expect(made).toMatchObject({ status: 201, body: shown });
    expect(made.headers.get('location')).toBe(`https://curfew.example/scim/v2/Users/${id}`);
    expect(made.headers.get('content-type')).toContain('application/scim+json');
    expect(made.body).not.toHaveProperty('title');
    const meta = { resourceType: 'User', location: made.headers.get('location'), version: made.headers.get('etag') };
    expect(made.body['meta']).toMatchObject(meta);
    expect(await scim.send('GET', `/Users/${id}`)).toMatchObject({ status: 200, body: { ...shown, meta } });
    expect(await factsOf(id)).toMatchObject({ state: 'active', kind: 'contractor' });

    const put = await scim.send('PUT', `/Users/${id}`, {
      schemas: [core],
      userName: 'amara@ACME.example',
      displayName: 'A. Diaz',
    });
    expect(put).toMatchObject({
      status: 200,
      body: { displayName: 'A. Diaz', active: true, userName: 'amara@ACME.example' },
    });
    expect(put.body).not.toHaveProperty('externalId');
    expect(put.headers.get('etag')).not.toBe(meta.version);

    expect(await scim.send('DELETE', `/Users/${id}`)).toMatchObject({ status: 204 });
    expect(await scim.send('GET', `/Users/${id}`)).toMatchObject({ status: 404, body: { status: '404' } });
    expect(await scim.send('DELETE', `/Users/${id}`)).toMatchObject({ status: 404 });
    expect(await stateOf('amara@acme.example')).toBe('left');
  });

  test.each<[string, readonly object[], object]>([
    ['a name', [{ op: 'Replace', path: 'displayName', value: 'New' }], { displayName: 'New' }],
    ['its parts', [{ op: 'add', path: 'name.formatted', value: 'Newer' }], { displayName: 'Newer' }],
    [
      'an address by its type',
      [{ op: 'Add', path: 'emails[type eq "work"].value', value: 'n@x.example' }],
      { emails: [{ value: 'n@x.example' }] },
    ],
    [
      'all addresses',
      [
        {
          op: 'replace',
          value: {
            emails: [
              { value: 'm@x.example', type: 'home' },
              { value: 'p@x.example', primary: 'True' },
            ],
          },
        },
      ],
      { emails: [{ value: 'p@x.example' }] },
    ],
    ['a kind', [{ op: 'replace', path: `${core}:userType`, value: 'service' }], { userType: 'Service' }],
    ['an externalId', [{ op: 'replace', path: 'externalId', value: 'x-9' }], { externalId: 'x-9' }],
  ])('%s is changed by a PATCH', async (_what, operations, shown) => {
    const id = await scim.user(`patched.${Math.random().toString(36).slice(2)}`);
    expect(await scim.patch(`/Users/${id}`, ...operations)).toMatchObject({
      status: 200,
      body: { active: true, ...shown },
    });
  });

  test('a PATCH of nothing that is kept changes nothing and is no error', async () => {
    const id = await scim.user('quiet');
    expect(await scim.patch(`/Users/${id}`, { op: 'replace', path: 'title', value: 'x' })).toMatchObject({
      status: 204,
    });
    expect(await scim.patch(`/Users/${id}`, { op: 'add', path: `${enterprise}:costCenter`, value: '9' })).toMatchObject(
      { status: 204 },
    );
    expect(await stateOf('quiet')).toBe('active');
  });

  test('a manager is one whom the same source made; anybody else is nobody', async () => {
    const [boss, id] = [await scim.user('boss'), await scim.user('worker')];
    const path = `${enterprise}:manager`;
    await scim.patch(`/Users/${id}`, { op: 'Add', path, value: boss });
    expect(await factsOf(id)).toMatchObject({ manager: boss });
    expect((await scim.send('GET', `/Users/${id}`)).body[enterprise]).toEqual({ manager: { value: boss } });
    await scim.patch(`/Users/${id}`, { op: 'replace', path: 'displayName', value: 'W' });
    expect(await factsOf(id), 'a change of something else').toMatchObject({ manager: boss });
    await scim.patch(`/Users/${id}`, { op: 'replace', path, value: '77' });
    expect(await factsOf(id)).toMatchObject({ manager: null });
    await scim.send('PUT', `/Users/${id}`, { userName: 'worker', [enterprise]: { manager: { value: boss } } });
    expect(await factsOf(id)).toMatchObject({ manager: boss });
    await scim.patch(`/Users/${id}`, { op: 'remove', path });
    expect(await factsOf(id)).toMatchObject({ manager: null });
  });

  test('a userName that a person has is that person, whoever made them; nobody is taken over by an address', async () => {
    const id = await scim.user('BEN', { emails: [{ value: 'eve@acme.example' }] });
    expect(id).toBe(company.id('ben'));
    expect((await factsOf(id)).groups, 'what another source says of their groups stays').toEqual([
      'engineers',
      'owners',
    ]);
    expect(await scim.send('POST', '/Users', { userName: 'ben', active: true })).toMatchObject({
      status: 409,
      body: { scimType: 'uniqueness' },
    });
    const stranger = await scim.user('nobody.yet', { emails: [{ value: 'ben@acme.example', primary: true }] });
    expect(stranger).not.toBe(id);
    expect(stranger).not.toBe('00u1');
  });

  test('a userName is never changed: it is the key of all sources', async () => {
    const id = await scim.user('steady');
    expect(await scim.patch(`/Users/${id}`, { op: 'replace', path: 'userName', value: 'other' })).toMatchObject({
      status: 400,
      body: { scimType: 'mutability' },
    });
    expect(await stateOf('other')).toBeUndefined();
  });

  test('silence makes nobody active: a new user without the word is not, a known one stays as they are', async () => {
    const made = await scim.send('POST', '/Users', { userName: 'silent' });
    expect(made).toMatchObject({ status: 201, body: { active: false } });
    expect(await stateOf('silent')).toBe('suspended');
    await scim.send('POST', '/Users', { userName: 'otto' });
    expect(await stateOf('otto')).toBe('active');
  });

  test('what is said of names and addresses stands in the one erasable table, and a password nowhere', async () => {
    const canary = 'Canary Zebrafinch';
    const id = await scim.user('canary.person', {
      displayName: canary,
      externalId: 'canary-external',
      emails: [{ value: 'canary-mail@acme.example' }],
      password: 'canary-secret',
    });
    await scim.patch(`/Users/${id}`, { op: 'replace', path: 'password', value: 'canary-secret' });
    const tables = await company.store.admin.query<{ name: string }>(
      `select c.oid::regclass::text as name from pg_class c where c.relkind = 'r'
         and c.relnamespace in ('curfew'::regnamespace, 'audit'::regnamespace) and c.oid <> 'curfew.personal'::regclass`,
    );
    for (const { name } of tables) {
      const text = name === 'audit.entry' ? `convert_from(body, 'UTF8') || subject || actor` : 't::text';
      const found = await company.store.admin.query(
        `select from ${name} t where ${text} ~* 'zebrafinch|canary-external|canary-mail|canary-secret'`,
      );
      expect(found, name).toEqual([]);
    }
    const kept = await company.store.admin.query(`select from curfew.personal t where t::text ~ 'canary-secret'`);
    expect(kept).toEqual([]);
    expect(scim.api.logged.join('\n')).not.toMatch(/canary|zebrafinch/i);
  });

  test('a domain that is configured is taken off, and two servers in one process do not mix', async () => {
    const other = await openScim(company, { source: 'scim-entra' }, { scimUserDomain: 'acme.example' });
    try {
      const id = await other.user('Olga@ACME.example');
      expect(id).toBe(company.id('olga'));
      expect(await find(other, 'userName eq "olga@acme.example"')).toEqual(['Olga@ACME.example']);
      expect(await find(other, 'userName eq "OLGA"')).toEqual(['Olga@ACME.example']);
      expect(await find(scim, 'userName eq "olga"'), 'another source has not made her').toEqual([]);
      expect(await scim.send('GET', `/Users/${id}`)).toMatchObject({ status: 404 });
      expect(await other.user('olga@elsewhere.example')).not.toBe(id);
    } finally {
      await other.end();
    }
  });
});

describe('leaving and coming back', () => {
  test('whoever is active again got nothing back that had ended, and what HR said stays', async () => {
    const id = await scim.user('returning');
    await scim.patch(`/Users/${id}`, { op: 'replace', path: 'active', value: false });
    expect(await stateOf('returning')).toBe('suspended');
    await scim.patch(`/Users/${id}`, { op: 'Replace', path: 'active', value: 'True' });
    expect(await stateOf('returning')).toBe('active');
    const left = { handle: 'returning', source: 'hr', state: 'left', version: 1 } as const;
    await company.store.as.curfew_directory.transaction((tx) => people.apply(tx, left, 'curfew_directory'));
    const answer = await scim.patch(`/Users/${id}`, { op: 'replace', path: 'active', value: true });
    expect(answer.status).toBeLessThan(300);
    expect(await stateOf('returning'), 'only HR undoes what HR said').toBe('left');
    expect((await scim.send('GET', `/Users/${id}`)).body).toMatchObject({ active: false });
  });

  test('whoever was deleted starts clean: groups of no source come back', async () => {
    const id = await scim.user('rehired');
    const group = await scim.group('Rehired Things', [id]);
    await company.store.as.curfew_directory.transaction((tx) =>
      people.apply(tx, { handle: 'rehired', version: 5, groups: [{ name: 'by-hand' }] }, 'curfew_directory'),
    );
    expect((await factsOf(id)).groups).toEqual(['by-hand', 'rehired-things']);
    await scim.send('DELETE', `/Users/${id}`);
    expect(await scim.user('rehired')).toBe(id);
    expect(await factsOf(id)).toMatchObject({ state: 'active', groups: [] });
    expect((await scim.send('GET', `/Groups/${group}`)).body).not.toHaveProperty('members');
  });

  test('a source that has said "left" is not taken to mean less by "inactive"', async () => {
    const id = await scim.user('deleted.once');
    await scim.send('DELETE', `/Users/${id}`);
    expect(await scim.patch(`/Users/${id}`, { op: 'replace', path: 'active', value: false })).toMatchObject({
      status: 404,
    });
    expect(await stateOf('deleted.once')).toBe('left');
  });

  test('with a token that says so, inactive means left', async () => {
    const strict = await openScim(company, { source: 'scim-strict', inactive: 'left' });
    try {
      const id = await strict.user('strictly');
      await strict.patch(`/Users/${id}`, { op: 'replace', path: 'active', value: 'False' });
      expect(await stateOf('strictly')).toBe('left');
    } finally {
      await strict.end();
    }
  });

  test('an older word never undoes a newer one, in whichever order they are worked on (I9, F38)', async () => {
    const use = scimUseCases(company.ctx);
    const caller = { id: 't', source: 'scim-okta', scopes: scimScopes, inactive: 'suspended' } as const;
    const id = await scim.user('raced');
    const fields = { userName: 'raced', externalId: null };
    const [older, newer] = [await use.begin(caller), await use.begin(caller)];
    expect(await use.offBoard(newer, { id }, 'inactive')).toBeUndefined();
    expect(isRefusal(await use.changeUser(older, id, { ...fields, active: true }))).toBe(false);
    expect(await stateOf('raced')).toBe('suspended');
    await use.changeUser(await use.begin(caller), id, { ...fields, active: true });
    expect(await stateOf('raced')).toBe('active');
  });

  test('a read that is older than a deactivation does not undo it: only the very word does', async () => {
    const id = await scim.user('edited');
    await scim.patch(`/Users/${id}`, { op: 'replace', path: 'active', value: false });
    await scim.patch(`/Users/${id}`, { op: 'replace', path: 'displayName', value: 'Edited' });
    await scim.send('PUT', `/Users/${id}`, { userName: 'edited', displayName: 'Edited again' });
    expect(await stateOf('edited')).toBe('suspended');
  });

  test.each([
    ['PATCH', { Operations: [{ op: 'replace', path: 'active', value: 'False' }] }],
    ['PATCH', { Operations: [{ op: 'replace', path: 'displayName', value: 'x' }] }],
    ['PUT', { userName: 'someone.new', active: true }],
    ['DELETE', undefined],
  ])('%s %j of somebody unknown is a 404 that is written down and alarms', async (method, body) => {
    const id = crypto.randomUUID();
    expect(await scim.send(method, `/Users/${id}`, body)).toMatchObject({ status: 404, body: { status: '404' } });
    expect(await entriesOf(company.store.admin, id)).toMatchObject([
      { kind: 'person.unknown' },
      { kind: 'alarm.raised' },
    ]);
    expect(await alarms('person-unknown')).toContainEqual({ subject: id });
  });

  test('word on a userName that nobody has is kept: no import makes them active (I9)', async () => {
    await scim.send('PUT', `/Users/${crypto.randomUUID()}`, { userName: 'Ghost', active: false });
    const active = { handle: 'ghost', state: 'active', version: 1 } as const;
    await company.store.as.curfew_directory.transaction((tx) => people.apply(tx, active, 'curfew_directory'));
    expect(await stateOf('ghost')).toBe('suspended');
    await scim.send('PUT', '/Users/not-an-id', { userName: 'olga', active: 'False' });
    expect(await stateOf('olga'), 'an id that is none, a userName that is somebody').toBe('suspended');
    expect(await scim.send('DELETE', "/Users/amara'; drop table")).toMatchObject({ status: 404 });
  });
});

describe('groups', () => {
  test('are memberships by this source, in every form in which vendors change them', async () => {
    const [a, b, c] = [await scim.user('member.a'), await scim.user('member.b'), await scim.user('member.c')];
    const group = await scim.group('Data Owners (EU)', [a]);
    const path = `/Groups/${group}`;
    const members = async (): Promise<readonly string[]> => {
      const { body } = await scim.send('GET', path);
      return ((body['members'] ?? []) as { value: string }[]).map(({ value }) => value).toSorted();
    };
    expect(await groupsOf(a)).toEqual(['data-owners-eu']);
    await scim.patch(path, { op: 'add', path: 'members', value: [{ value: b }, { value: c, display: 'C' }] });
    expect(await members()).toEqual([a, b, c].toSorted());
    await scim.patch(path, { op: 'remove', path: `members[value eq "${a}"]` });
    await scim.patch(path, { op: 'Remove', path: 'members', value: [{ value: b }] });
    expect(await members()).toEqual([c]);
    expect([await groupsOf(a), await groupsOf(b), await groupsOf(c)]).toEqual([[], [], ['data-owners-eu']]);
    await scim.patch(path, { op: 'Add', path: 'members', value: [{ $ref: null, value: a }] });
    await scim.patch(path, { op: 'replace', path: 'members', value: [{ value: b }] });
    expect(await members()).toEqual([b]);
    await scim.patch(path, { op: 'replace', value: { id: group, displayName: 'Data Stewards' } });
    expect(await groupsOf(b)).toEqual(['data-stewards']);
    await scim.send('PUT', path, { displayName: 'Data Stewards', members: [{ value: a }, { value: c }] });
    expect(await members()).toEqual([a, c].toSorted());
    expect((await scim.send('GET', `/Users/${a}`)).body['groups']).toEqual([
      { value: group, display: 'Data Stewards', type: 'direct' },
    ]);
    await scim.patch(path, { op: 'remove', path: 'members' });
    expect(await members()).toEqual([]);
    await scim.patch(path, { op: 'add', value: { members: [{ value: a }] } });
    expect(await scim.send('DELETE', path)).toMatchObject({ status: 204 });
    expect(await groupsOf(a)).toEqual([]);
    expect(await scim.send('GET', path)).toMatchObject({ status: 404 });
  });

  test('each source says its own: what one takes away stays where another says it', async () => {
    const other = await openScim(company, { source: 'scim-other' });
    try {
      const id = await scim.user('shared');
      expect(await other.user('shared')).toBe(id);
      const [mine] = [await scim.group('shared-team', [id]), await other.group('shared-team', [id])];
      await scim.send('DELETE', `/Groups/${mine}`);
      expect((await factsOf(id)).groups).toEqual(['shared-team']);
      const imported = { handle: 'shared', version: 9, groups: [] };
      await company.store.as.curfew_directory.transaction((tx) => people.apply(tx, imported, 'curfew_directory'));
      expect((await factsOf(id)).groups).toEqual(['shared-team']);
    } finally {
      await other.end();
    }
  });

  test('twelve groups that change at once for one person all count', async () => {
    const id = await scim.user('popular');
    const groups = await Promise.all(Array.from({ length: 12 }, (_, index) => scim.group(`Popular ${index}`)));
    await Promise.all(
      groups.map((group) => scim.patch(`/Groups/${group}`, { op: 'add', path: 'members', value: [{ value: id }] })),
    );
    expect((await factsOf(id)).groups).toHaveLength(12);
    const entries = await entriesOf(company.store.admin, id);
    expect(
      entries.filter(({ kind, body }) => kind === 'person.changed' && JSON.stringify(body).includes('groups')),
    ).toHaveLength(12);
    await Promise.all(groups.map((group) => scim.send('DELETE', `/Groups/${group}`)));
    expect((await factsOf(id)).groups).toEqual([]);
  });

  test('a name that is another one in small letters, and a member whom nobody made, are refused', async () => {
    await scim.group('Finance Team');
    expect(await scim.send('POST', '/Groups', { displayName: 'finance  team' })).toMatchObject({ status: 409 });
    expect(await scim.send('POST', '/Groups', { displayName: '部署' })).toMatchObject({ status: 400 });
    const stranger = { op: 'add', path: 'members', value: [{ value: company.id('nina') }] };
    const group = await scim.group('Nobodies');
    expect(await scim.patch(`/Groups/${group}`, stranger)).toMatchObject({
      status: 400,
      body: { scimType: 'invalidValue' },
    });
    expect((await factsOf(company.id('nina'))).groups).toEqual([]);
  });
});

describe('looking', () => {
  let looker: ScimClient;
  beforeAll(async () => {
    looker = await openScim(company, { source: 'scim-looker' });
    for (const n of [1, 2, 3, 4, 5])
      await looker.user(`Look.${n}`, {
        externalId: `E${n}`,
        active: n !== 5,
        displayName: `Looker ${n}`,
        emails: [{ value: `l${n}@x.example`, type: 'work' }],
      });
    const one = (await looker.send('GET', `/Users?filter=${encodeURIComponent('userName eq "look.1"')}`)).body[
      'Resources'
    ] as { id: string }[];
    await looker.group('Lookers', [one[0]?.id ?? '']);
    await looker.group('Watchers');
  });
  afterAll(() => looker?.end());

  test.each([
    ['userName eq "LOOK.3"', ['Look.3']],
    [`${core}:userName eq "look.3"`, ['Look.3']],
    ['USERNAME EQ "look.3"', ['Look.3']],
    ['externalId eq "E2"', ['Look.2']],
    ['externalId eq "e2"', []],
    ['active eq false', ['Look.5']],
    ['active eq "False"', ['Look.5']],
    ['userName sw "look" and not (active eq true)', ['Look.5']],
    ['userName eq "look.1" or userName eq "look.2"', ['Look.1', 'Look.2']],
    ['(userName eq "look.1" or userName eq "look.2") and displayName co "er 2"', ['Look.2']],
    ['emails.value eq "L4@x.example"', ['Look.4']],
    ['emails[type eq "work" and value ew "4@x.example"]', ['Look.4']],
    ['externalId pr and userName gt "look.3"', ['Look.4', 'Look.5']],
    ['nickName pr', []],
    ['userName eq "nobody"', []],
    ['id eq "not-an-id"', []],
    ['userName eq "a b c ( \\" ]"', []],
  ])('users by %s', async (filter, names) => {
    expect(await find(looker, filter)).toEqual(names);
  });

  test.each([
    ['displayName eq "lookers"', ['Lookers']],
    ['displayName eq "Watchers"', ['Watchers']],
    ['displayName eq "nobody"', []],
    ['members pr', ['Lookers']],
  ])('groups by %s', async (filter, names) => {
    expect(await find(looker, filter, 'Groups')).toEqual(names);
  });

  test('users by id, and groups by member and by id', async () => {
    const { body } = await looker.send('GET', '/Groups');
    const [group] = body['Resources'] as { id: string; members: { value: string }[] }[];
    const member = group?.members[0]?.value ?? '';
    expect(await find(looker, `id eq "${member}"`)).toEqual(['Look.1']);
    expect(await find(looker, `members[value eq "${member}"]`, 'Groups')).toEqual(['Lookers']);
    expect(await find(looker, `members eq "${member}"`, 'Groups')).toEqual(['Lookers']);
    expect(await find(looker, `id eq "${group?.id}" and members.value eq "${member}"`, 'Groups')).toEqual(['Lookers']);
    const without = (await looker.send('GET', '/Groups?excludedAttributes=members')).body['Resources'];
    expect(JSON.stringify(without)).not.toContain(member);
  });

  test('pages add up, a page after the last is empty, and the total stays', async () => {
    const seen: string[] = [];
    for (let startIndex = 1; startIndex <= 7; startIndex += 2) {
      const { body } = await looker.send('GET', `/Users?startIndex=${startIndex}&count=2`);
      const page = body['Resources'] as { userName: string }[];
      expect(body).toMatchObject({ totalResults: 5, startIndex, itemsPerPage: page.length });
      seen.push(...page.map(({ userName }) => userName));
    }
    expect(seen).toEqual(['Look.1', 'Look.2', 'Look.3', 'Look.4', 'Look.5']);
    expect((await looker.send('GET', '/Users?count=0')).body).toMatchObject({ totalResults: 5, Resources: [] });
    const filtered = `/Users?filter=${encodeURIComponent('active eq true')}&startIndex=3&count=1`;
    expect((await looker.send('GET', filtered)).body).toMatchObject({
      totalResults: 4,
      Resources: [{ userName: 'Look.3' }],
    });
  });

  test('attributes are chosen and left out', async () => {
    const one = `/Users?filter=${encodeURIComponent('userName eq "look.1"')}`;
    const [chosen] = (await looker.send('GET', `${one}&attributes=userName`)).body['Resources'] as object[];
    expect(Object.keys(chosen ?? {}).toSorted()).toEqual(['id', 'userName']);
    const [rest] = (await looker.send('GET', `${one}&excludedAttributes=emails,name`)).body['Resources'] as object[];
    expect(rest).not.toHaveProperty('emails');
    expect(rest).toHaveProperty('userName');
  });

  test('what is offered is said, and nothing more', async () => {
    expect((await looker.send('GET', '/ServiceProviderConfig')).body).toMatchObject({
      patch: { supported: true },
      bulk: { supported: false },
      filter: { supported: true, maxResults: 200 },
      changePassword: { supported: false },
      sort: { supported: false },
    });
    const schemas = JSON.stringify((await looker.send('GET', '/Schemas')).body);
    expect(schemas).toContain('userName');
    expect(schemas).not.toMatch(/password|x509/);
    expect((await looker.send('GET', `/Schemas/${core}`)).body).toMatchObject({ id: core });
    expect((await looker.send('GET', '/ResourceTypes')).body).toMatchObject({ totalResults: 2 });
    expect((await looker.send('GET', '/ResourceTypes/User')).body).toMatchObject({ endpoint: '/Users' });
    for (const path of ['/Bulk', '/Me', '/.search', '/Users/.search'])
      expect(await looker.send('POST', path, {}), path).toMatchObject({ status: 501 });
    expect(await looker.send('GET', '/Schemas?filter=x')).toMatchObject({ status: 403 });
    expect(await looker.send('PUT', '/Users', {})).toMatchObject({ status: 405 });
    expect(await looker.send('GET', '/Elsewhere')).toMatchObject({ status: 404, body: { status: '404' } });
  });
});

describe('tokens', () => {
  test('whoever has none that holds is told how, and written down, thirty times a minute at most', async () => {
    const own = await serve(company, [], { scim: { useCases: scimUseCases(company.ctx), publicUrl: '' } });
    const count = async () => (await entriesOf(company.store.admin, 'scim')).length;
    const before = await count();
    const id = company.id('eve');
    const wrong = [
      '',
      'Bearer',
      'Bearer x',
      `Bearer cfs_${'A'.repeat(43)}`,
      `Basic ${scim.token}`,
      `Bearer ${scim.token}x`,
      `Bearer ${scim.token} x`,
    ];
    for (const authorization of wrong) {
      const answer = await fetch(`${own.origin}/scim/v2/Users/${id}`, { method: 'DELETE', headers: { authorization } });
      expect(answer.status, authorization).toBe(401);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="curfew", error="invalid_token"');
      expect(await answer.json()).toMatchObject({
        schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
        status: '401',
      });
    }
    expect(await stateOf('eve')).toBe('active');
    expect((await count()) - before).toBe(wrong.length);
    for (let times = 0; times < 40; times += 1) await fetch(`${own.origin}/scim/v2/Users`);
    expect((await count()) - before).toBe(30);
    const [last] = (await entriesOf(company.store.admin, 'scim')).slice(-1);
    expect(last).toMatchObject({ kind: 'delivery.refused', actor: 'curfew_directory', body: { code: 'BadToken' } });
    expect(own.logged.join('\n')).not.toContain(scim.token);
    await own.end();
  });

  test('a token that is revoked or over does not hold; its sister does; use is noted', async () => {
    const [old, young] = [
      await plantToken(company, { source: 'scim-two' }),
      await plantToken(company, { source: 'scim-two' }),
    ];
    const clients = [scimClient(scim.api, old), scimClient(scim.api, young)] as const;
    for (const client of clients) expect(await client.send('GET', '/Users')).toMatchObject({ status: 200 });
    const rows = await company.store.admin.query<{ id: string }>(
      `select id from curfew.scim_token where source = 'scim-two' and last_used_at is not null order by made_at`,
    );
    expect(rows).toHaveLength(2);
    await company.store.as.curfew_admin.query(
      'update curfew.scim_token set revoked_at = clock_timestamp() where id = $1',
      [rows[0]?.id],
    );
    expect(await clients[0].send('GET', '/Users')).toMatchObject({ status: 401 });
    expect(await clients[1].send('GET', '/Users')).toMatchObject({ status: 200 });
    await company.store.admin.query(
      `update curfew.scim_token set expires_at = clock_timestamp() where source = 'scim-two'`,
    );
    expect(await clients[1].send('GET', '/Users')).toMatchObject({ status: 401 });
  });

  test.each([
    [['users:read'], 'GET', '/Users', 200],
    [['users:read'], 'POST', '/Users', 403],
    [['users:read'], 'GET', '/Groups', 403],
    [['users:write'], 'GET', '/Users', 403],
    [['groups:read'], 'GET', '/Groups', 200],
    [['groups:read'], 'PATCH', '/Groups/x', 403],
    [['groups:write'], 'POST', '/Users', 403],
    [['groups:write'], 'GET', '/ServiceProviderConfig', 200],
  ] as const)('with %j, %s %s is a %i', async (scopes, method, path, status) => {
    const client = scimClient(scim.api, await plantToken(company, { scopes }));
    const answer = await client.send(method, path, method === 'GET' ? undefined : {});
    expect(answer.status).toBe(status);
    if (status === 403) expect(answer.headers.get('www-authenticate')).toContain('insufficient_scope');
  });

  test('a token that may only read ends nobody', async () => {
    const id = await scim.user('safe.from.readers');
    const reader = scimClient(scim.api, await plantToken(company, { scopes: ['users:read', 'groups:write'] }));
    for (const method of ['DELETE', 'PATCH', 'PUT'])
      expect(await reader.send(method, `/Users/${id}`, { active: false })).toMatchObject({ status: 403 });
    expect(await stateOf('safe.from.readers')).toBe('active');
  });
});

const down = () => Promise.reject(new CurfewError('NotRecorded', 'The store did not answer.'));

test("with the directory login alone a call off-boards all the same: the rest is the reaper's and the relay's", async () => {
  const directory = company.store.as.curfew_directory;
  const ctx = directoryContext(directory, Date.now, company.ctx.log);
  const api = await serve(company, [], { scim: { useCases: scimUseCases(ctx), publicUrl: '' } });
  const client = scimClient(api, scim.token);
  try {
    const id = await client.user('apart');
    const { requestId } = await opened(company, { person: company.id('eve') });
    await client.user('eve');
    expect(
      await client.patch(`/Users/${company.id('eve')}`, { op: 'Replace', path: 'active', value: 'False' }),
    ).toMatchObject({ status: 204 });
    const intents = await company.store.admin.query(
      'select cause from curfew.revoke_intent where person = $1 or request_id = $2',
      [company.id('eve'), requestId],
    );
    expect(intents).toEqual([{ cause: 'suspended' }, { cause: 'suspended' }]);
    const { meta } = (await client.send('GET', `/Users/${id}`)).body;
    expect(meta).toMatchObject({ location: `/scim/v2/Users/${id}` });
  } finally {
    await api.end();
  }
});

test('a store that does not answer is a 503 to try again, never a 404 that says nobody is there (I18)', async () => {
  const id = await scim.user('unlucky');
  const real = scimUseCases(company.ctx);
  const dead = { ...company.store.as.curfew_directory, query: down, transaction: down };
  const useCases = {
    ...scimUseCases({ ...company.ctx, directory: dead }),
    authenticate: (shown: string) => real.authenticate(shown),
  };
  const logged = [];
  const api = await serve(company, [], { scim: { useCases, publicUrl: '' } });
  const client = scimClient(api, scim.token);
  try {
    for (const [method, path, body] of [
      ['GET', `/Users/${id}`, undefined],
      ['GET', '/Users', undefined],
      ['GET', '/Groups', undefined],
      ['POST', '/Users', { userName: 'x', active: true }],
      ['PUT', `/Users/${id}`, { userName: 'unlucky', active: false }],
      ['PATCH', `/Users/${id}`, { Operations: [{ op: 'replace', path: 'active', value: false }] }],
      ['DELETE', `/Users/${id}`, undefined],
    ] as const) {
      const answer = await client.send(method, path, body);
      expect({ method, path, status: answer.status }).toEqual({ method, path, status: 503 });
      expect(answer.headers.get('retry-after')).toBe('1');
      expect(answer.body).toMatchObject({ status: '503' });
    }
    const deaf = await serve(company, [], { scim: { useCases: { ...useCases, authenticate: down }, publicUrl: '' } });
    expect(await scimClient(deaf, scim.token).send('DELETE', `/Users/${id}`)).toMatchObject({ status: 503 });
    logged.push(...api.logged, ...deaf.logged);
    await deaf.end();
    expect(logged.filter((line) => line.includes('unexpected'))).toEqual([]);
  } finally {
    await api.end();
  }
});
