/** Whose word on a person counts, and that all of a leaver's accounts go with them. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { RequestId } from '../domain/ids.ts';
import type { PersonState } from '../domain/person.ts';
import { secondMs } from '../domain/time.ts';
import { hrUseCases } from '../service/deliver.ts';
import { changesOf, parsePeople } from '../service/people-file.ts';
import * as absences from '../store/absences.ts';
import { entriesOf } from '../store/audit.ts';
import * as intents from '../store/intents.ts';
import * as people from '../store/people.ts';
import type { PersonChange } from '../store/people.ts';
import {
  approved,
  ask,
  claimed,
  click,
  code,
  minted,
  ok,
  opened,
  startCompany,
  verifier,
  type Company,
} from './support/company.ts';
import { addPerson } from './support/store-sample.ts';

let company: Company;
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());
beforeEach(() => company.restore());

let events = 0;
const says = async (
  handle: string,
  state: PersonState,
  version: number,
  source = 'hr',
): Promise<Awaited<ReturnType<Company['use']['leave']>>> =>
  company.use.leave({
    source,
    event: `event-${(events += 1)}`,
    who: { handle },
    state,
    version,
    actor: 'curfew_directory',
  });
const factsOf = async (handle: string) => {
  const id = await people.personByHandle(company.store.admin, handle);
  return id === undefined ? undefined : people.factsOf(company.store.admin, id);
};
const stateOf = async (handle: string) => (await factsOf(handle))?.state;
/** Somebody of whom no source has said anything but the operator. */
let strangers = 0;
async function somebody(): Promise<string> {
  const handle = `somebody-${(strangers += 1)}`;
  await addPerson(company.store.as.curfew_directory, handle, { groups: [{ name: 'engineers' }] });
  return handle;
}
const alarmsOf = (what: string) => company.store.admin.query('select 1 from curfew.alarm where code = $1', [what]);
async function imports(text: string, version: number): Promise<void> {
  const parsed = parsePeople(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  await company.store.as.curfew_directory.transaction(async (tx) => {
    for (const change of changesOf(parsed.people, version, () => true)) {
      await people.apply(tx, change, 'curfew_directory');
    }
  });
}
const person = (handle: string, more = ''): string =>
  `people:\n  - { handle: ${handle}, name: N, email: n@example.com${more} }\n`;

test('HR’s "left" counts whatever the version of an import that came before it', async () => {
  const importedAt = Date.now() + 60 * secondMs;
  const [nina, eve] = [await somebody(), await somebody()];
  await imports(person(nina), importedAt);
  await imports(person(eve, ', groups: [engineers]'), importedAt);
  expect(ok(await says(nina, 'left', 4711))).toMatchObject({ change: 'applied', state: 'left' });
  const sameSecond = Math.floor(importedAt / secondMs) * secondMs;
  expect(ok(await says(eve, 'suspended', sameSecond))).toMatchObject({ change: 'applied', state: 'suspended' });
  expect([await stateOf(nina), await stateOf(eve)]).toEqual(['left', 'suspended']);
});

test('an import that says "active" brings nobody back whom HR has said to be gone; HR’s own newer word does', async () => {
  const nina = await somebody();
  const version = company.nextVersion();
  ok(await says(nina, 'left', version));
  await imports(person(nina, ', state: active, groups: [engineers]'), Date.now() + 5);
  expect(await stateOf(nina)).toBe('left');
  expect(ok(await says(nina, 'active', version))).toMatchObject({ change: 'older', state: 'left' });
  expect(ok(await says(nina, 'active', company.nextVersion()))).toMatchObject({ change: 'applied', state: 'active' });
  expect((await factsOf(nina))?.groups).toEqual([]);
});

test('"left" with a version older than the same source’s "active" counts, and alarms', async () => {
  const eve = await somebody();
  const old = company.nextVersion();
  ok(await says(eve, 'active', company.nextVersion()));
  expect(ok(await says(eve, 'left', old))).toMatchObject({ change: 'applied', state: 'left' });
  expect(await alarmsOf('person-late')).toHaveLength(1);
});

test('nobody unknown leaves a handle behind, and whoever gets it later starts as HR said', async () => {
  const handle = 'jane.doe@example.com';
  expect(ok(await says(handle, 'left', 5))).toMatchObject({ change: 'unknown', person: null });
  const tables = await company.store.admin.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('curfew', 'audit')`,
  );
  for (const { name } of tables) {
    const [row] = await company.store.admin.query<{ n: number }>(
      `select count(*)::int as n from ${name} t where t::text like '%jane%'`,
    );
    expect([name, row?.n]).toEqual([name, 0]);
  }
  const { after } = await company.store.as.curfew_directory.transaction((tx) =>
    people.apply(tx, { handle, version: Date.now(), state: 'active', groups: [{ name: 'engineers' }] }, 'x'),
  );
  expect(after.state).toBe('left');
  expect(ok(await says(handle, 'active', 6))).toMatchObject({ change: 'applied', state: 'active' });
});

test('an unknown leaver who was made in the meantime leaves all the same', async () => {
  const directory = company.store.as.curfew_directory;
  const held = Promise.withResolvers<void>();
  const isMade = Promise.withResolvers<void>();
  const importing = directory.transaction(async (tx) => {
    const { after } = await people.apply(tx, { handle: 'newcomer', version: 1, state: 'active' }, 'curfew_directory');
    isMade.resolve();
    await held.promise;
    return after.id;
  });
  await isMade.promise;
  const leaving = says('newcomer', 'left', 5);
  held.resolve();
  const id = await importing;
  expect(ok(await leaving)).toMatchObject({ state: 'left' });
  expect((await people.factsOf(company.store.admin, id))?.state).toBe('left');
});

test('a leaver’s other account loses all of it too: its requests end, it may ask for nothing', async () => {
  await company.change('ada-admin', { groups: [{ name: 'engineers' }], aliases: [company.id('ada')] });
  const mine = await approved(company, { person: company.id('ada-admin') });
  await company.change('ada-admin', {
    groups: [{ name: 'engineers' }, { name: 'owners' }],
    aliases: [company.id('ada')],
  });
  const { requestId: judged } = await opened(company, { person: company.id('eve'), role: 'write' });
  ok(await click(company, judged, 'ada-admin'));
  const left = ok(await says('ada', 'left', company.nextVersion()));
  expect(left.requests).toContain(mine);
  expect(left.voided).toBe(1);
  expect(await stateOf('ada-admin')).toBe('left');
  expect((await intents.ofRequest(company.store.admin, mine)).map(({ cause }) => cause)).toContain('left');
  const { use } = company;
  expect(code(await use.mintCode({ requestId: mine, person: company.id('ada-admin') }))).not.toBe('no refusal');
  expect(code(await use.open(ask(company, { person: company.id('ada-admin') })))).not.toBe('no refusal');
  const found = await people.peopleMatching(company.store.admin, [{ kind: 'group', group: 'owners' }]);
  expect(found).not.toContain(company.id('ada-admin'));

  // And who comes back comes back without what that account was given before.
  ok(await says('ada', 'active', company.nextVersion()));
  const back = await people.factsOf(company.store.admin, company.id('ada-admin'));
  expect(back).toMatchObject({ state: 'active', groups: [] });
});

test('HR is not told that all is safe when the word is not new and a grant may still be live', async () => {
  const requestId = await approved(company);
  await claimed(company, requestId);
  const version = company.nextVersion();
  ok(await says('ada', 'left', version));
  const hr = hrUseCases(company.ctx);
  const again = ok(await hr.deliver({ delivery: 'd-second', state: 'left', who: { handle: 'ada' }, version }));
  expect(again).toMatchObject({ change: 'older', state: 'left' });
  expect(again.requests).toContain(requestId);
  expect(ok(await hr.report({ delivery: 'd-second' }))).toMatchObject({ safe: false, safeAfterMs: null });
});

test('an import whose entry says nothing of Slack leaves the linked account as it is', async () => {
  const handle = await somebody();
  const slack = { team: 'T1', user: 'U1' };
  await imports(person(handle, ', slack: { team: T1, user: U1 }'), company.nextVersion());
  expect(await people.personBySlack(company.store.admin, slack)).toBeDefined();
  await imports(person(handle), company.nextVersion());
  expect(await people.personBySlack(company.store.admin, slack)).toBeDefined();
  await imports(person(handle, ', slack: { team: T1, user: U2 }'), company.nextVersion());
  expect(await people.personBySlack(company.store.admin, slack)).toBeUndefined();
});

test('whoever leaves delegates to nobody and decides for nobody any more, with an entry of each end (I9)', async () => {
  const [leaver, other, third] = [await somebody(), await somebody(), await somebody()];
  const idOf = async (handle: string) =>
    (await people.personByHandle(company.store.admin, handle)) ?? expect.fail(handle);
  const [gone, boss, friend] = [await idOf(leaver), await idOf(other), await idOf(third)];
  const span = { fromAt: Date.now() - 1_000, untilAt: Date.now() + 3_600_000 };
  for (const [away, delegate] of [
    [gone, boss],
    [boss, gone],
    [boss, friend],
  ] as const) {
    await absences.insert(company.store.as.curfew_api, {
      id: randomUUID(),
      person: away,
      delegate,
      madeBy: away,
      ...span,
    });
  }
  ok(await says(leaver, 'left', company.nextVersion()));
  expect(await absences.of(company.store.admin, gone, Date.now())).toEqual([]);
  expect((await absences.of(company.store.admin, boss, Date.now())).map(({ delegate }) => delegate)).toEqual([friend]);
  const ended = [...(await entriesOf(company.store.admin, gone)), ...(await entriesOf(company.store.admin, boss))];
  expect(ended.filter(({ kind }) => kind === 'absence.ended')).toMatchObject([
    { login: 'curfew_directory', body: { cause: 'left', delegate: boss } },
    { login: 'curfew_directory', body: { cause: 'left', delegate: gone } },
  ]);
});

// == Whatever source says it ======================================================================================

const changes = (handle: string, change: Partial<PersonChange>, source = 'hr') =>
  company.use.changePerson({
    source,
    event: `event-${(events += 1)}`,
    actor: 'curfew_directory',
    change: { handle, version: company.nextVersion(), ...change },
  });
/** What other tests have left open of them goes as well. */
const holding = (requestId: RequestId) => expect.arrayContaining([requestId]) as readonly RequestId[];
const causesOf = async (requestId: RequestId) =>
  (await intents.ofRequest(company.store.admin, requestId)).map(({ cause }) => cause).toSorted();

test('any source that says "left" ends all that HR’s "left" ends, together with what else it says', async () => {
  const requestId = await approved(company);
  await claimed(company, requestId);
  const left = ok(await changes('ada', { state: 'left', groups: [], name: 'Ada' }));
  expect(left).toMatchObject({ change: 'applied', state: 'left', requests: holding(requestId) });
  expect(await causesOf(requestId)).toEqual(['left', 'left']);
  expect(company.temporal.leaves.at(-1)).toMatchObject({ cause: 'left' });
});

test('whoever is new and gone at once, and whoever is active, ends nothing; nonsense is refused', async () => {
  expect(ok(await changes('fresh-one', { state: 'left' }))).toMatchObject({ change: 'applied', requests: [] });
  expect(ok(await changes('fresh-two', { state: 'active', groups: [{ name: 'engineers' }] }))).toMatchObject({
    state: 'active',
    requests: [],
  });
  expect(code(await changes('fresh-three', {}))).toBe('InvalidInput');
  const stale = { version: 0, groups: [{ name: 'owners' }] };
  expect(ok(await changes('fresh-two', stale))).toMatchObject({ change: 'older', requests: [] });
});

test('a daily list that says again who has left asks for no end again, unless something is left', async () => {
  const handle = await somebody();
  ok(await changes(handle, { state: 'left' }));
  const id = (await people.personByHandle(company.store.admin, handle)) ?? expect.fail(handle);
  const count = async () =>
    (await company.store.admin.query('select from curfew.revoke_intent where person = $1', [id])).length;
  const before = await count();
  expect(before).toBe(1);
  expect(ok(await changes(handle, { state: 'left' }))).toMatchObject({ state: 'left', requests: [] });
  expect(await count()).toBe(before);
});

test('an account that is linked to somebody who has left ends with them, what it holds included (I9)', async () => {
  const gone = await somebody();
  ok(await changes(gone, { state: 'left' }));
  const goneId = (await people.personByHandle(company.store.admin, gone)) ?? expect.fail(gone);
  const requestId = await approved(company, { person: company.id('eve') });
  await claimed(company, requestId, 'eve');
  const left = ok(await changes('eve', { aliases: [goneId] }, 'operator'));
  expect(left).toMatchObject({ state: 'left', requests: holding(requestId) });
  expect(await causesOf(requestId)).toEqual(['left', 'left']);
  await changes('eve', { aliases: [] }, 'operator');
});

test('and so does an account to which somebody who has left is linked from the other side', async () => {
  const gone = await somebody();
  ok(await changes(gone, { state: 'suspended' }));
  const requestId = await approved(company, { person: company.id('eve') });
  await claimed(company, requestId, 'eve');
  const left = ok(await changes(gone, { aliases: [company.id('eve')] }));
  expect(left).toMatchObject({ state: 'suspended', requests: holding(requestId) });
  expect(await causesOf(requestId)).toEqual(['suspended', 'suspended']);
  await changes(gone, { aliases: [] });
});

test('a rehire starts clean: no request, group, delegation, code or link comes back (I9)', async () => {
  const requestId = await approved(company, { person: company.id('eve') });
  const span = { fromAt: company.now - 1_000, untilAt: company.now + 3_600_000 };
  const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: company.now };
  ok(await company.use.away({ person: company.id('eve'), delegate: company.id('nina'), account, ...span }));
  const { code: shown } = await minted(company, requestId, 'eve');
  const personal = ok(await company.use.personalCode({ person: company.id('eve'), account }));
  ok(await says('eve', 'left', company.nextVersion()));
  ok(await says('eve', 'active', company.nextVersion()));
  expect(await factsOf('eve')).toMatchObject({ state: 'active', groups: [], manager: null });
  expect(await absences.of(company.store.admin, company.id('eve'), company.now)).toEqual([]);
  expect(company.temporal.view(requestId).state).toMatchObject({ kind: 'closed' });
  const claim = { code: shown, verifier: verifier(), address: '192.0.2.7' };
  expect(code(await company.use.claim(claim))).not.toBe('no refusal');
  expect(code(await company.use.personOfCode({ code: personal.code }))).not.toBe('no refusal');
});
