/** Word on people that takes effect later: corrected, cancelled, overtaken, and never lost. */
import * as fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { PersonState } from '../domain/person.ts';
import { dayMs, hourMs, minuteMs } from '../domain/time.ts';
import { hrUseCases, type HrAnswer } from '../service/deliver.ts';
import { settleDue } from '../service/due.ts';
import type { Listing } from '../service/person-source.ts';
import { entriesOf } from '../store/audit.ts';
import * as dues from '../store/person-dues.ts';
import { approved, ok, startCompany, type Company } from './support/company.ts';
import { addPerson } from './support/store-sample.ts';

let company: Company;
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());
beforeEach(() => company.restore());

let counter = 0;
async function somebody(): Promise<string> {
  const handle = `somebody-${(counter += 1)}`;
  await addPerson(company.store.as.curfew_directory, handle);
  return handle;
}
type Says = { readonly version: number; readonly at?: number; readonly source?: string };
const says = async (handle: string, state: PersonState, { version, at, source }: Says): Promise<HrAnswer> => {
  const named =
    source === undefined ? undefined : { name: source, deliveredBy: `hr/${source}`, path: `/hooks/hr/${source}` };
  return ok(
    await hrUseCases(company.ctx, named).deliver({
      delivery: `due-test-${(counter += 1)}`,
      state,
      who: { handle },
      version,
      ...(at === undefined ? {} : { effectiveAt: at }),
    }),
  );
};
const stateOf = async (handle: string) =>
  (await company.store.admin.query<{ state: string }>('select state from curfew.person where handle = $1', [handle]))[0]
    ?.state;
const inDays = (days: number): number => company.now + days * dayMs;
async function passes(days: number): Promise<void> {
  company.now += days * dayMs;
  await settleDue(company.ctx);
}

test('on its day everything that follows from leaving does, and not before', async () => {
  const requestId = await approved(company, { person: company.id('eve') });
  const answer = await says('eve', 'left', { version: company.nextVersion(), at: inDays(10) });
  expect(answer).toMatchObject({ change: 'later', requests: [], effectiveAt: inDays(10) });
  await passes(9.99);
  expect([await stateOf('eve'), company.temporal.view(requestId).state.kind]).toEqual(['active', 'approved']);
  await passes(0.02);
  expect([await stateOf('eve'), company.temporal.view(requestId).state]).toMatchObject(['left', { kind: 'closed' }]);
  const [settled] = (await entriesOf(company.store.admin, company.id('eve'))).filter(
    ({ kind }) => kind === 'person.due-settled',
  );
  expect(settled).toMatchObject({ login: 'curfew_directory', body: { outcome: 'applied', state: 'left' } });
  const report = ok(await hrUseCases(company.ctx).report({ delivery: answer.delivery }));
  expect(report.ends.map((end) => end.requestId)).toContain(requestId);
});

test('a Workflow is started for each, through the outbox, even with Temporal dead', async () => {
  const handle = await somebody();
  company.temporal.dead = true;
  const { delivery } = await says(handle, 'left', { version: 1, at: inDays(1) });
  const rows = await company.store.admin.query<{ key: string; done: boolean }>(
    `select key, done_at is not null as done from curfew.outbox where kind = 'effective' order by id desc limit 1`,
  );
  expect(rows).toEqual([{ key: `effective/hr/${delivery}`, done: false }]);
  await passes(1);
  expect(await stateOf(handle), 'it needs no Temporal').toBe('left');
});

test.each([
  ['an earlier', 2],
  ['a later', 9],
])('%s day that is said by a newer event replaces the one before', async (_what, other) => {
  const handle = await somebody();
  const first = await says(handle, 'left', { version: 1, at: inDays(5) });
  await says(handle, 'left', { version: 2, at: inDays(other) });
  expect(await dues.dueOf(company.store.admin, 'hr', first.delivery)).toMatchObject({ outcome: 'replaced' });
  await passes(Math.min(other, 5) + 0.01);
  expect(await stateOf(handle)).toBe(other < 5 ? 'left' : 'active');
  await passes(7);
  expect(await stateOf(handle)).toBe('left');
});

test('an older event that comes late replaces nothing', async () => {
  const handle = await somebody();
  await says(handle, 'left', { version: 7, at: inDays(2) });
  expect(await says(handle, 'left', { version: 6, at: inDays(20) })).toMatchObject({ change: 'older' });
  await passes(2);
  expect(await stateOf(handle)).toBe('left');
});

test('a newer "active" cancels it, and an older one does not', async () => {
  const [kept, cancelled] = [await somebody(), await somebody()];
  for (const handle of [kept, cancelled]) await says(handle, 'left', { version: 5, at: inDays(3) });
  await says(kept, 'active', { version: 4 });
  await says(cancelled, 'active', { version: 6 });
  await passes(3);
  expect([await stateOf(kept), await stateOf(cancelled)]).toEqual(['left', 'active']);
  const outcome = await company.store.admin.query(
    `select outcome from curfew.person_due where settled_at is not null and outcome = 'overtaken'`,
  );
  expect(outcome.length).toBeGreaterThan(0);
  expect(await says(cancelled, 'left', { version: 5, at: inDays(1) })).toMatchObject({ change: 'older' });
});

test('whoever is suspended meanwhile leaves on their day all the same, and nobody is alarmed', async () => {
  const handle = await somebody();
  await says(handle, 'left', { version: 5, at: inDays(3) });
  await says(handle, 'suspended', { version: 6 });
  expect(await stateOf(handle)).toBe('suspended');
  await passes(3);
  expect(await stateOf(handle)).toBe('left');
  const late = await company.store.admin.query(
    `select 1 from curfew.alarm a join curfew.person p on a.subject = p.id::text where p.handle = $1`,
    [handle],
  );
  expect(late).toEqual([]);
});

test('one source cancels nothing that another one has said', async () => {
  const handle = await somebody();
  await says(handle, 'left', { version: 5, at: inDays(3) });
  await says(handle, 'active', { version: 900, source: 'other' });
  await passes(3);
  expect(await stateOf(handle)).toBe('left');
});

test('a return that is announced for a day brings back on that day what the same source took away', async () => {
  const handle = await somebody();
  await says(handle, 'suspended', { version: 1 });
  await says(handle, 'active', { version: 2, at: inDays(3) });
  await passes(2);
  expect(await stateOf(handle)).toBe('suspended');
  await passes(1);
  expect(await stateOf(handle)).toBe('active');
  await says(handle, 'suspended', { version: 3 });
  await says(handle, 'active', { version: 4, at: inDays(3) });
  await says(handle, 'left', { version: 5 });
  await passes(3);
  expect(await stateOf(handle), 'newer word holds').toBe('left');
});

test('somebody unknown is alarmed at once, and is gone on their day, whenever they come', async () => {
  const [before, after] = [`later-${(counter += 1)}`, `later-${(counter += 1)}`];
  for (const handle of [before, after]) {
    expect(await says(handle, 'left', { version: 1, at: inDays(3) })).toMatchObject({ person: null, change: 'later' });
  }
  const alarms = await company.store.admin.query(`select 1 from curfew.alarm where code = 'person-unknown'`);
  expect(alarms.length).toBeGreaterThanOrEqual(2);
  await addPerson(company.store.as.curfew_directory, before);
  expect(await stateOf(before)).toBe('active');
  await passes(3);
  await addPerson(company.store.as.curfew_directory, after);
  expect([await stateOf(before), await stateOf(after)]).toEqual(['left', 'left']);
  const kept = await company.store.admin.query(`select 1 from curfew.person_due d where d::text like '%later-%'`);
  expect(kept, 'a handle may be a name: its hash is kept').toEqual([]);
});

test('two processes that settle at once settle each day once (I10)', async () => {
  const handles = await Promise.all([somebody(), somebody(), somebody()]);
  for (const handle of handles) await says(handle, 'left', { version: 1, at: inDays(1) });
  company.now += dayMs;
  const settled = await Promise.all([1, 2, 3].map(() => settleDue(company.ctx)));
  expect(settled.reduce((sum, one) => sum + one, 0)).toBe(3);
  for (const handle of handles) expect(await stateOf(handle)).toBe('left');
});

test('where the source can be asked, its event is a trigger, and what it answers is what counts', async () => {
  const [gone, here, unlisted] = [await somebody(), await somebody(), await somebody()];
  const listing: { now: Listing } = { now: { kind: 'silent', why: 'away' } };
  const ask = { list: () => Promise.resolve(listing.now) };
  const hook = hrUseCases(company.ctx, { name: 'asked', deliveredBy: 'hr/asked', path: '/hooks/hr/asked', ask });
  const deliver = async (handle: string, state: PersonState, effectiveAt?: number) => {
    company.now += minuteMs;
    const event = { delivery: `asked-${(counter += 1)}`, state, who: { handle }, version: 1 };
    return ok(await hook.deliver({ ...event, ...(effectiveAt === undefined ? {} : { effectiveAt }) }));
  };
  const lists = (states: Readonly<Record<string, PersonState>>): void => {
    const people = Object.entries(states).map(([handle, state]) => [handle, { handle, state }] as const);
    listing.now = { kind: 'listed', people: new Map(people) };
  };
  lists({ [gone]: 'left', [here]: 'active' });
  await deliver(gone, 'active');
  await deliver(here, 'left');
  await deliver(unlisted, 'suspended');
  expect([await stateOf(gone), await stateOf(here), await stateOf(unlisted)]).toEqual(['left', 'active', 'suspended']);
  listing.now = { kind: 'silent', why: 'away' };
  await deliver(gone, 'active');
  await deliver(here, 'suspended');
  expect([await stateOf(gone), await stateOf(here)], 'silent: the more restrictive').toEqual(['left', 'suspended']);
  lists({ [here]: 'active' });
  await deliver(here, 'active');
  await deliver(here, 'left', company.now + hourMs);
  await deliver(gone, 'left', company.now + hourMs);
  company.now += 2 * hourMs;
  await settleDue(company.ctx, new Map([['asked', ask]]));
  expect(await stateOf(here), 'on the day it is asked again').toBe('active');
  await deliver(here, 'left', company.now + hourMs);
  await deliver(here, 'active');
  lists({ [here]: 'left' });
  company.now += 2 * hourMs;
  await settleDue(company.ctx, new Map([['asked', ask]]));
  expect(await stateOf(here), 'and what it says then counts').toBe('left');
});

test('whatever its source says in whichever order, what holds after all days is the newest or takes away more', async () => {
  type Word = { readonly state: PersonState; readonly inDays: number; readonly order: number };
  const word = fc.record({
    state: fc.constantFrom<PersonState>('active', 'suspended', 'left'),
    inDays: fc.constantFrom(0, 0, 1, 2, 3),
    order: fc.nat(100),
  });
  const strict: Readonly<Record<string, number>> = { active: 0, suspended: 1, left: 2 };
  await fc.assert(
    fc.asyncProperty(fc.array(word, { minLength: 1, maxLength: 5 }), async (said) => {
      const handle = await somebody();
      const versioned = said.map((one, index): Word & { version: number } => ({ ...one, version: index + 1 }));
      for (const one of versioned.toSorted((a, b) => a.order - b.order)) {
        await says(handle, one.state, {
          version: one.version,
          ...(one.inDays === 0 ? {} : { at: inDays(one.inDays) }),
        });
      }
      await passes(4);
      const last = said.at(-1);
      const state = await stateOf(handle);
      expect(strict[state ?? '']).toBeGreaterThanOrEqual(strict[last?.state ?? 'left'] ?? 0);
      const waiting = await company.store.admin.query(
        'select 1 from curfew.person_due where settled_at is null and effective_at <= $1',
        [new Date(company.now)],
      );
      expect(waiting).toEqual([]);
      if (
        versioned.every((one, index) => one.order >= (versioned[index - 1]?.order ?? 0)) &&
        last?.state === 'active' &&
        last.inDays === 0
      )
        expect(state, 'in order, a newest "active" holds').toBe('active');
    }),
    { numRuns: 25, seed: 20261121 },
  );
});
