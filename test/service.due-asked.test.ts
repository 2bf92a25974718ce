/** Days to come, against sources that answer slowly, absences with a beginning and an end, and people who come meanwhile. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { CurfewError } from '../domain/errors.ts';
import type { PersonState } from '../domain/person.ts';
import { dayMs, hourMs, secondMs } from '../domain/time.ts';
import { hrUseCases, type HrSource } from '../service/deliver.ts';
import { settleDue } from '../service/due.ts';
import type { Listing, PersonSource } from '../service/person-source.ts';
import { pullSource } from '../service/pull.ts';
import { apply } from '../store/people.ts';
import { ok, startCompany, type Company } from './support/company.ts';
import { eventually } from './support/eventually.ts';
import { addPerson } from './support/store-sample.ts';

let company: Company;
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());
beforeEach(() => company.restore());

let counter = 0;
async function somebody(): Promise<string> {
  const handle = `slow-${(counter += 1)}`;
  await addPerson(company.store.as.curfew_directory, handle);
  return handle;
}
type Said = { readonly version?: number; readonly at?: number; readonly from?: HrSource };
const says = async (handle: string, state: PersonState, { version, at, from }: Said = {}) =>
  ok(
    await hrUseCases(company.ctx, from).deliver({
      delivery: `slow-test-${(counter += 1)}`,
      state,
      who: { handle },
      ...(version === undefined ? {} : { version }),
      ...(at === undefined ? {} : { effectiveAt: at }),
    }),
  );
const stateOf = async (handle: string) =>
  (await company.store.admin.query<{ state: string }>('select state from curfew.person where handle = $1', [handle]))[0]
    ?.state;
const sourceOf = (name: string): HrSource => ({ name, deliveredBy: `hr/${name}`, path: `/hooks/hr/${name}` });
const listed = (states: Readonly<Record<string, PersonState>>): Listing => ({
  kind: 'listed',
  people: new Map(Object.entries(states).map(([handle, state]) => [handle, { handle, state }])),
});

test('what a source answered before somebody left does not bring them back (I9)', async () => {
  const handle = await somebody();
  const source = sourceOf('slow');
  await says(handle, 'suspended', { at: company.now + hourMs, from: source });
  company.now += 2 * hourMs;
  const ask: PersonSource = {
    async list() {
      const answer = listed({ [handle]: 'active' });
      company.now += secondMs;
      await says(handle, 'left', { from: source });
      company.now += secondMs;
      return answer;
    },
  };
  await settleDue(company.ctx, new Map([['slow', ask]]));
  expect(await stateOf(handle)).toBe('left');
});

test('a source is asked once for all whose day is the same, not once for each', async () => {
  const handles = await Promise.all([somebody(), somebody(), somebody()]);
  const source = sourceOf('listing');
  for (const handle of handles) await says(handle, 'left', { at: company.now + hourMs, from: source });
  company.now += 2 * hourMs;
  let asked = 0;
  const answer = listed(Object.fromEntries(handles.map((handle) => [handle, 'left'])));
  const ask: PersonSource = {
    list() {
      asked += 1;
      return Promise.resolve(answer);
    },
  };
  expect(await settleDue(company.ctx, new Map([['listing', ask]]))).toBe(3);
  expect(asked).toBe(1);
  for (const handle of handles) expect(await stateOf(handle)).toBe('left');
});

const inDays = (days: number): number => company.now + days * dayMs;
async function passes(days: number): Promise<void> {
  company.now += days * dayMs;
  await settleDue(company.ctx);
}

test.each(['in order', 'the end first'])(
  'an absence that is told with its end begins on its day: %s',
  async (order) => {
    const handle = await somebody();
    const words = [
      () => says(handle, 'suspended', { version: 1, at: inDays(2) }),
      () => says(handle, 'active', { version: 2, at: inDays(9) }),
    ];
    for (const say of order === 'in order' ? words : words.toReversed()) await say();
    await passes(3);
    expect(await stateOf(handle)).toBe('suspended');
    await passes(7);
    expect(await stateOf(handle)).toBe('active');
  },
);

test('a leaving whose day is moved while a return is announced is moved, and a leaving for good takes the return along', async () => {
  const handle = await somebody();
  await says(handle, 'suspended', { version: 1, at: inDays(2) });
  await says(handle, 'active', { version: 2, at: inDays(9) });
  await says(handle, 'suspended', { version: 3, at: inDays(4) });
  await passes(3);
  expect(await stateOf(handle), 'moved').toBe('active');
  await says(handle, 'left', { version: 4, at: inDays(2) });
  await passes(3);
  expect(await stateOf(handle)).toBe('left');
  await passes(9);
  expect(await stateOf(handle), 'the return was of before').toBe('left');
});

test('an announced return before the day of leaving is a correction, and cancels it', async () => {
  const handle = await somebody();
  await says(handle, 'left', { version: 1, at: inDays(9) });
  await says(handle, 'active', { version: 2, at: inDays(2) });
  await passes(10);
  expect(await stateOf(handle)).toBe('active');
});

test('a list that says nothing of their state cancels no leaving', async () => {
  const handle = await somebody();
  const operator = sourceOf('operator');
  await says(handle, 'left', { version: 2, at: inDays(2), from: operator });
  await company.store.as.curfew_directory.transaction((tx) =>
    apply(tx, { handle, version: 30, groups: [{ name: 'engineers' }] }, 'curfew_directory'),
  );
  await passes(3);
  expect(await stateOf(handle)).toBe('left');
  const corrected = await somebody();
  await says(corrected, 'left', { version: 2, at: inDays(2), from: operator });
  await company.store.as.curfew_directory.transaction((tx) =>
    apply(tx, { handle: corrected, version: 30, state: 'active' }, 'curfew_directory'),
  );
  await passes(3);
  expect(await stateOf(corrected), 'that one says that they stay').toBe('active');
});

test.each(['day has come', 'source lists them so'])(
  'a Temporal that hangs keeps nobody whose %s (I9, F42)',
  async (by) => {
    const handles = await Promise.all([somebody(), somebody(), somebody()]);
    const released = Promise.withResolvers<never>();
    const temporal = new Proxy(company.ctx.temporal, { get: () => () => released.promise });
    const hanging = { ...company.ctx, temporal };
    const ask = { list: () => Promise.resolve(listed(Object.fromEntries(handles.map((one) => [one, 'left'])))) };
    if (by === 'day has come') {
      for (const handle of handles) await says(handle, 'left', { version: 2, at: inDays(1) });
      company.now += 2 * dayMs;
    }
    const working: Promise<unknown> =
      by === 'day has come'
        ? settleDue(hanging)
        : pullSource(hanging, { source: 'hangs', ask, missingPercent: 10, actor: 'curfew_directory' });
    try {
      await eventually('all of them have left', async () =>
        (await Promise.all(handles.map(stateOf))).every((state) => state === 'left'),
      );
    } finally {
      released.reject(new CurfewError('NotConfirmed', 'Temporal did not answer.'));
      await working;
    }
  },
);

test('whoever is imported in the very moment in which their leaving takes effect has left', async () => {
  const handle = `meanwhile-${(counter += 1)}`;
  await says(handle, 'left', { version: 1, at: inDays(1) });
  company.now += 2 * dayMs;
  const { curfew_directory: directory } = company.store.as;
  const settling = { done: Promise.resolve(0) };
  await directory.transaction(async (tx) => {
    await apply(tx, { handle, version: 1, state: 'active' }, 'curfew_directory');
    settling.done = settleDue(company.ctx);
    // Until it waits for this transaction, or is over.
    for (let turn = 0; turn < 100; turn += 1) {
      const [row] = await company.store.admin.query<{ busy: boolean }>(
        `select exists (select from pg_locks where not granted) or not exists (
           select from curfew.person_due where settled_at is null and effective_at <= $1) as busy`,
        [new Date(company.now)],
      );
      if (row?.busy) break;
    }
  });
  await settling.done;
  expect(await stateOf(handle)).toBe('left');
});
