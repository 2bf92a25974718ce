import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PersonId } from '../domain/ids.ts';
import { sameHuman } from '../domain/person.ts';
import { entriesOf } from '../store/audit.ts';
import * as people from '../store/people.ts';
import type { Store } from '../store/pool.ts';
import { addPerson } from './support/store-sample.ts';
import { startStore, type TestStore } from './support/store.ts';

let store: TestStore;
let directory: Store;
beforeAll(async () => {
  store = await startStore();
  directory = store.as.curfew_directory;
});
afterAll(() => store.end());

let count = 0;
const newHandle = (): string => `person-${(count += 1)}`;
const applyTo = (
  handle: string,
  version: number,
  change: Partial<people.PersonChange>,
): Promise<people.AppliedChange> =>
  directory.transaction((tx) => people.apply(tx, { handle, version, ...change }, 'curfew_directory'));
const facts = async (id: PersonId) => (await people.factsOf(store.as.curfew_worker, id)) ?? expect.fail('nobody');

test('a new person is created with all that the source says, and one entry about it without names', async () => {
  const boss = await addPerson(directory, newHandle());
  const other = await addPerson(directory, newHandle());
  const id = randomUUID() as PersonId;
  const change: people.PersonChange = {
    handle: 'ada',
    id,
    version: 7,
    state: 'active',
    kind: 'contractor',
    manager: boss,
    groups: [{ name: 'zeta' }, { name: 'Alpha', by: boss }],
    aliases: [other],
    name: 'Ada <!channel>',
    email: 'ada@example.com',
    slack: [{ team: 'T1', user: 'U-ada' }],
  };
  const applied = await directory.transaction((tx) => people.apply(tx, change, 'curfew_directory'));
  expect(applied).toEqual({
    kind: 'created',
    late: false,
    before: null,
    after: {
      id,
      state: 'active',
      kind: 'contractor',
      manager: boss,
      groups: ['Alpha', 'zeta'],
      aliases: [other],
      addedBy: [{ group: 'Alpha', by: boss }],
    },
  });
  expect(await people.show(store.as.curfew_admin, id)).toMatchObject({
    handle: 'ada',
    version: 7,
    name: 'Ada <!channel>',
    email: 'ada@example.com',
    slackTeam: 'T1',
    slackUser: 'U-ada',
  });
  expect(await people.personBySlack(store.as.curfew_api, { team: 'T1', user: 'U-ada' })).toMatchObject({ person: id });
  expect(await people.personBySlack(store.as.curfew_api, { team: 'T2', user: 'U-ada' })).toBeUndefined();
  expect(await people.personByHandle(store.as.curfew_api, 'ada')).toBe(id);
  expect([...(await people.profiles(store.as.curfew_worker, [id, boss])).keys()].sort()).toEqual([id, boss].sort());

  const entries = await entriesOf(store.as.curfew_auditor, id);
  expect(entries.map((entry) => entry.kind)).toEqual(['link.made', 'person.changed']);
  expect(JSON.stringify(entries)).not.toMatch(/Ada|example|U-ada|"ada"/);
});

test('the same change again changes nothing, and leaves no entry', async () => {
  const handle = newHandle();
  const id = await addPerson(directory, handle, { groups: [{ name: 'a' }], name: 'N' });
  const before = await entriesOf(store.as.curfew_auditor, id);
  const again = { state: 'active', groups: [{ name: 'a' }], name: 'N' } as const;
  expect((await applyTo(handle, 1, again)).kind).toBe('stale');
  expect((await applyTo(handle, 2, again)).kind).toBe('same');
  expect(await entriesOf(store.as.curfew_auditor, id)).toEqual(before);
});

test('an older "active" never undoes a newer "left"', async () => {
  const handle = newHandle();
  const id = await addPerson(directory, handle, { version: 10, groups: [{ name: 'owners' }] });
  expect((await applyTo(handle, 20, { state: 'left' })).kind).toBe('changed');
  for (const version of [11, 19, 20]) {
    expect(await applyTo(handle, version, { state: 'active' })).toMatchObject({
      kind: 'stale',
      after: { state: 'left' },
    });
  }
  expect((await facts(id)).state).toBe('left');
});

test('of two changes with one version the one that takes more away holds, in either order', async () => {
  for (const order of [
    ['active', 'left'],
    ['left', 'active'],
    ['suspended', 'left'],
  ] as const) {
    const handle = newHandle();
    const id = await addPerson(directory, handle);
    for (const state of order) await applyTo(handle, 5, { state });
    expect((await facts(id)).state).toBe('left');
  }
});

test('a rehire starts clean: no group, manager or Slack account comes back by itself, aliases stay', async () => {
  const handle = newHandle();
  const boss = await addPerson(directory, newHandle());
  const other = await addPerson(directory, newHandle());
  const slack = { team: 'T1', user: `U-${handle}` };
  const id = await addPerson(directory, handle, {
    groups: [{ name: 'owners' }],
    manager: boss,
    aliases: [other],
    slack: [slack],
  });
  await applyTo(handle, 2, { state: 'left' });
  await applyTo(handle, 3, { state: 'active', groups: [{ name: 'newcomers' }] });
  expect(await facts(id)).toMatchObject({ state: 'active', groups: ['newcomers'], manager: null, aliases: [other] });
  expect(await people.personBySlack(directory, slack)).toBeUndefined();
});

test('whoever had left and is suspended meanwhile starts as clean, of the groups of every source', async () => {
  const handle = newHandle();
  const id = await addPerson(directory, handle, { groups: [{ name: 'owners' }] });
  await applyTo(handle, 1, { source: 'scim-x', state: 'active', groups: [{ name: 'makers' }] });
  await applyTo(handle, 2, { state: 'left' });
  await applyTo(handle, 3, { state: 'suspended' });
  await applyTo(handle, 4, { state: 'active' });
  expect(await facts(id)).toMatchObject({ state: 'active', groups: [] });
});

test('each source replaces its own groups and no others; somebody is in a group where any of them says so', async () => {
  const handle = newHandle();
  const id = await addPerson(directory, handle, { groups: [{ name: 'both' }, { name: 'ours' }] });
  await applyTo(handle, 1, { source: 'scim-x', groups: [{ name: 'both' }, { name: 'theirs' }] });
  expect((await facts(id)).groups).toEqual(['both', 'ours', 'theirs']);
  await applyTo(handle, 2, { source: 'scim-x', groups: [] });
  expect((await facts(id)).groups).toEqual(['both', 'ours']);
  expect((await applyTo(handle, 3, { source: 'scim-x', groups: [] })).kind).toBe('same');
});

test('somebody who was only suspended keeps what they had', async () => {
  const handle = newHandle();
  const id = await addPerson(directory, handle, { groups: [{ name: 'owners' }] });
  await applyTo(handle, 2, { state: 'suspended' });
  await applyTo(handle, 3, { state: 'active' });
  expect((await facts(id)).groups).toEqual(['owners']);
});

test('a list that is there replaces the whole list, one that is absent leaves it', async () => {
  const handle = newHandle();
  const by = await addPerson(directory, newHandle());
  const id = await addPerson(directory, handle, { groups: [{ name: 'a' }, { name: 'b' }] });
  await applyTo(handle, 2, { groups: [{ name: 'b', by }, { name: 'c' }] });
  expect(await facts(id)).toMatchObject({ groups: ['b', 'c'], addedBy: [{ group: 'b', by }] });
  await applyTo(handle, 3, { kind: 'service' });
  expect(await facts(id)).toMatchObject({ groups: ['b', 'c'], kind: 'service' });
  await applyTo(handle, 4, { groups: [] });
  expect((await facts(id)).groups).toEqual([]);
});

test('a Slack account is one person’s: naming it for another is refused, and nothing of that change stays', async () => {
  const slack = { team: 'T9', user: 'U9' };
  const id = await addPerson(directory, newHandle(), { slack: [slack] });
  const handle = newHandle();
  const thief = await addPerson(directory, handle);
  await expect(applyTo(handle, 2, { slack: [slack], groups: [{ name: 'x' }] })).rejects.toMatchObject({
    code: 'InvalidInput',
  });
  expect(await people.personBySlack(directory, slack)).toMatchObject({ person: id });
  expect((await facts(thief)).groups).toEqual([]);
});

test('twenty who claim one Slack account at once: one gets it', async () => {
  const slack = { team: 'T9', user: 'U-race' };
  const handles = Array.from({ length: 20 }, newHandle);
  for (const handle of handles) await addPerson(directory, handle);
  const results = await Promise.allSettled(handles.map((handle) => applyTo(handle, 2, { slack: [slack] })));
  expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
});

test('twenty changes of one person at once, in any order: the newest holds', async () => {
  const handle = newHandle();
  const id = await addPerson(directory, handle);
  await Promise.all(
    Array.from({ length: 20 }, (_, index) => (index * 7) % 20).map((n) =>
      applyTo(handle, n + 2, { groups: [{ name: `g${n}` }], state: n === 19 ? 'left' : 'active' }),
    ),
  );
  expect(await facts(id)).toMatchObject({ state: 'left', groups: ['g19'] });
});

test('ten who create one handle at once make one person', async () => {
  const handle = newHandle();
  const id = randomUUID() as PersonId;
  const made = await Promise.all(Array.from({ length: 10 }, () => applyTo(handle, 1, { state: 'active', id })));
  expect(new Set(made.map((one) => one.after.id))).toEqual(new Set([id]));
  expect(made.filter((one) => one.kind === 'created')).toHaveLength(1);
});

test('managers and aliases may be named before they are applied, in one transaction', async () => {
  const [a, b] = [randomUUID() as PersonId, randomUUID() as PersonId];
  const [first, second] = [newHandle(), newHandle()];
  await directory.transaction(async (tx) => {
    const one = { handle: first, id: a, version: 1, state: 'active', manager: b, aliases: [b] } as const;
    await people.apply(tx, one, 'curfew_directory');
    await people.apply(tx, { handle: second, id: b, version: 1, state: 'active', manager: a }, 'curfew_directory');
  });
  expect(await facts(b)).toMatchObject({ manager: a, aliases: [a] });
  const alone = applyTo(newHandle(), 1, { state: 'active', manager: randomUUID() as PersonId });
  await expect(alone).rejects.toMatchObject({ sqlstate: '23503' });
});

test('aliases hold from every side and over several steps', async () => {
  const c = await addPerson(directory, newHandle());
  const b = await addPerson(directory, newHandle(), { aliases: [c] });
  const a = await addPerson(directory, newHandle(), { aliases: [b] });
  const [one, three] = [await facts(a), await facts(c)];
  expect(one.aliases).toEqual([b, c].sort());
  expect(three.aliases).toEqual([a, b].sort());
  expect(sameHuman(one, three)).toBe(true);
});

test('nobody is given the id of somebody else', async () => {
  const id = await addPerson(directory, newHandle());
  await expect(applyTo(newHandle(), 9, { id, state: 'left' })).rejects.toThrow('the id of another');
  expect((await facts(id)).state).toBe('active');
});

test('a new person without a state is refused', async () => {
  await expect(applyTo(newHandle(), 1, { groups: [] })).rejects.toMatchObject({ code: 'InvalidInput' });
});

test('selectors find active people only, by group or by id, each once', async () => {
  const group = 'selected';
  const [a, b] = [newHandle(), newHandle()];
  const inGroup = await addPerson(directory, a, { groups: [{ name: group }] });
  const gone = await addPerson(directory, b, { groups: [{ name: group }] });
  await applyTo(b, 2, { state: 'left' });
  const named = await addPerson(directory, newHandle());
  const found = await people.peopleMatching(store.as.curfew_api, [
    { kind: 'group', group },
    { kind: 'person', person: named },
    { kind: 'person', person: inGroup },
    { kind: 'person', person: gone },
  ]);
  expect(found).toEqual([inGroup, named].sort());
  expect(await people.peopleMatching(store.as.curfew_api, [])).toEqual([]);
});

test('lists are by handle, of all or of one state', async () => {
  const left = await people.list(store.as.curfew_admin, 'left');
  expect(left.length).toBeGreaterThan(0);
  expect(left.every((person) => person.state === 'left')).toBe(true);
  const handles = (await people.list(store.as.curfew_admin)).map((person) => person.handle);
  expect(handles).toEqual([...handles].sort());
});
