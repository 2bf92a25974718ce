/** What ended late was heard of: the alarms of a cluster that nobody could reach are in the evidence of each end (I17). */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PersonId, RequestId } from '../domain/ids.ts';
import { placesFor } from '../cli/evidence/places.ts';
import { raise, resolve } from '../store/alarms.ts';
import { append, entriesAfter } from '../store/audit.ts';
import { sequence, sizeOf } from '../store/log.ts';
import { oddEntry } from './support/entries.ts';
import { keysOf } from './support/evidence.ts';
import { plantPerson, plantRequest } from './support/planted.ts';
import { startStore, type TestStore } from './support/store.ts';
import { pastRules, signStore } from './support/stored-log.ts';

let store: TestStore;
let person: PersonId;
let size = 0;
const blind = (subject: string) => ({ key: `reaper/${subject}/blind`, code: 'reaper-blind', subject, detail: 'x' });
const ended = (id: RequestId): Promise<number> =>
  append(store.as.curfew_worker, oddEntry({ kind: 'grant.ended', actor: 'curfew_worker', subject: id, body: {} }));

/** An alarm long before, one that was open when the second request was opened, one within it, and one after it. */
const requests: RequestId[] = [];
beforeAll(async () => {
  store = await startStore();
  ({ id: person } = await plantPerson(store));
  const reaper = store.as.curfew_reaper;
  for (let turn = 0; turn < 2; turn += 1) {
    await raise(reaper, blind('main'));
    const { id } = await plantRequest(store, person);
    requests.push(id);
    await resolve(reaper, blind('main').key);
    await raise(reaper, { key: 'x', code: 'witness-behind', subject: 'somewhere', detail: 'x' });
    await ended(id);
    await raise(reaper, blind('other'));
    await resolve(reaper, blind('other').key);
  }
  await sequence(store.as.curfew_worker, 1_000);
  size = await sizeOf(store.as.curfew_worker);
});
afterAll(() => store?.end());

/** What of these places is an alarm, as `kind subject place`. */
async function alarmsAt(places: readonly number[]): Promise<readonly string[]> {
  const entries = await entriesAfter(store.admin, 0, 1_000);
  return entries.flatMap(({ kind, subject }, place) =>
    kind.startsWith('alarm.') && places.includes(place) ? [`${kind} ${subject} ${place}`] : [],
  );
}

test('evidence of a request has the alarms of clusters that were open while it was, and no others', async () => {
  const entries = await entriesAfter(store.admin, 0, 1_000);
  const opened = entries.findIndex(({ subject }) => subject === requests[1]);
  const { picked } = await placesFor(
    store.as.curfew_auditor,
    { kind: 'request', request: requests[1] ?? expect.fail('none') },
    size,
    () => true,
  );
  expect(picked).toContain(opened);
  expect(await alarmsAt(picked)).toEqual([
    `alarm.resolved main ${opened - 6}`,
    `alarm.raised other ${opened - 3}`,
    `alarm.resolved other ${opened - 2}`,
    `alarm.raised main ${opened - 1}`,
    `alarm.resolved main ${opened + 1}`,
  ]);
});

test('evidence of a period has those of requests that reach beyond it', async () => {
  const entries = await entriesAfter(store.admin, 0, 1_000);
  const end = entries.findLast(({ kind }) => kind === 'grant.ended') ?? expect.fail('none');
  const period = { kind: 'span', fromAt: end.at - 1, toAt: end.at + 1 } as const;
  const { span, picked } = await placesFor(store.as.curfew_auditor, period, size, () => true);
  const place = entries.indexOf(end);
  expect(span.from).toBeLessThanOrEqual(place);
  const spanned = Array.from({ length: span.to - span.from }, (_, one) => span.from + one);
  expect(await alarmsAt([...picked, ...spanned])).toEqual(
    expect.arrayContaining([`alarm.raised main ${place - 3}`, `alarm.resolved main ${place - 1}`]),
  );
});

/** Of one request, with all that is in the log by then. */
async function pickedFor(request: RequestId): Promise<readonly number[]> {
  await sequence(store.as.curfew_worker, 1_000);
  const upTo = await sizeOf(store.as.curfew_worker);
  return (await placesFor(store.as.curfew_auditor, { kind: 'request', request }, upTo, () => true)).picked;
}

test('of two alarms about one cluster from before it that which is still open is there as well', async () => {
  const silent = { ...blind('twice'), key: 'reaper/twice/silent', code: 'reaper-silent' };
  await raise(store.as.curfew_reaper, blind('twice'));
  await raise(store.as.curfew_worker, silent);
  await resolve(store.as.curfew_worker, silent.key);
  const { id } = await plantRequest(store, person);
  await ended(id);
  const opened = (await entriesAfter(store.admin, 0, 1_000)).findIndex(({ subject }) => subject === id);
  const told = (await alarmsAt(await pickedFor(id))).filter((one) => one.includes('twice'));
  expect(told).toEqual([
    `alarm.raised twice ${opened - 3}`,
    `alarm.raised twice ${opened - 2}`,
    `alarm.resolved twice ${opened - 1}`,
  ]);
});

test('of a request that is not over also what was told after its last entry', async () => {
  const { id } = await plantRequest(store, person);
  await raise(store.as.curfew_reaper, blind('since'));
  expect((await alarmsAt(await pickedFor(id))).filter((one) => one.includes('since'))).toHaveLength(1);
  await resolve(store.as.curfew_reaper, blind('since').key);
  await ended(id);
  await raise(store.as.curfew_reaper, blind('since'));
  expect((await alarmsAt(await pickedFor(id))).filter((one) => one.includes('since'))).toHaveLength(2);
});

test('of a period also what was told after its last entry: one of its grants may go on in spite of it', async () => {
  const { id } = await plantRequest(store, person);
  await pastRules(store, (db) =>
    db.query(`update audit.entry set at = at - interval '1 second' where kind = 'request.opened' and subject = $1`, [
      id,
    ]),
  );
  await append(store.as.curfew_worker, oddEntry({ kind: 'role.kept', actor: 'curfew_worker', subject: 'x', body: {} }));
  await signStore(store, keysOf());
  const signed = await sizeOf(store.as.curfew_worker);
  await raise(store.as.curfew_reaper, blind('gone'));
  await sequence(store.as.curfew_worker, 1_000);
  const opened =
    (await entriesAfter(store.admin, 0, 1_000)).find(({ subject }) => subject === id) ?? expect.fail('none');
  const period = { kind: 'span', fromAt: opened.at, toAt: opened.at + 1 } as const;
  const { span, picked } = await placesFor(store.as.curfew_auditor, period, signed + 1, () => true);
  expect(span.to).toBe(signed);
  expect(await alarmsAt(picked)).toContain(`alarm.raised gone ${signed}`);
});
