import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ConditionState } from '../domain/condition.ts';
import type { RequestId } from '../domain/ids.ts';
import { minuteMs } from '../domain/time.ts';
import * as alarms from '../store/alarms.ts';
import { live } from '../store/conditions.ts';
import * as intents from '../store/intents.ts';
import { watchConditions } from '../workers/worker/condition-watch.ts';
import {
  approved,
  claimed,
  policyText,
  startCompany,
  workerEnds,
  workerGrants,
  type Company,
} from './support/company.ts';

let company: Company;
let states: Record<string, ConditionState> = {};
let trouble: string | undefined;
let asked: string[] = [];
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());
beforeEach(async () => {
  await company.restore();
  company.condition = 'holds';
  [states, trouble, asked] = [{}, undefined, []];
  await company.applyPolicy(policyText((text) => text.replace('{ name: read,', '{ name: read, until: incident,')));
});

const watch = () =>
  watchConditions({
    store: company.store.as.curfew_worker,
    conditions: async ({ key }) => {
      asked.push(key);
      return states[key] ?? 'holds';
    },
    trouble: () => trouble,
    clock: () => company.now,
  });
async function held(ticket: string): Promise<RequestId> {
  const requestId = await approved(company, { ticket });
  const claim = await claimed(company, requestId);
  await workerGrants(company, requestId, claim.endAt);
  return requestId;
}
const causes = async (requestId: RequestId) =>
  (await intents.ofRequest(company.store.admin, requestId)).map(({ cause, actor }) => [cause, actor]);
const open = async () =>
  (await alarms.open(company.store.admin)).filter(({ code }) => code === 'condition-unknown').map(({ key }) => key);

test('what is over ends what was bound to it, once, and asks of it no more', async () => {
  const [mine, another] = [await held('W-1'), await held('W-2')];
  states = { 'W-1': 'over' };
  const look = watch();
  await look();
  await Promise.all([look(), watch()()]);
  expect(await causes(mine)).toEqual([['condition', 'curfew_worker']]);
  expect(await causes(another)).toEqual([]);
  expect((await company.audit(mine)).filter(({ kind }) => kind === 'condition.ended')).toHaveLength(1);
  expect(await company.outbox()).toContainEqual({ kind: 'revoke', done: false });
  asked = [];
  await look();
  expect(asked).not.toContain('W-1');
  await workerEnds(company, another);
});

test('a grant whose end cannot be asked for holds up no other, and is ended once it can', async () => {
  const mine = [await held('W-8'), await held('W-9')];
  states = { 'W-8': 'over', 'W-9': 'over' };
  const inOrder = (await live(company.store.admin)).map(({ requestId }) => requestId);
  const [stuck, another] = mine.toSorted((a, b) => inOrder.indexOf(a) - inOrder.indexOf(b));
  if (!stuck || !another) throw new Error('two are held');
  const look = watch();
  await company.store.admin.query(
    `alter table curfew.revoke_intent add constraint stuck check (request_id <> '${stuck}') not valid`,
  );
  await expect(look()).rejects.toThrow('stuck');
  await company.store.admin.query('alter table curfew.revoke_intent drop constraint stuck');
  expect(await causes(another)).toEqual([['condition', 'curfew_worker']]);
  await look();
  expect(await causes(stuck)).toEqual([['condition', 'curfew_worker']]);
});

test('grants that share a condition are asked about once a look', async () => {
  const all = [await held('W-3'), await held('W-3')];
  await watch()();
  expect(asked.filter((key) => key === 'W-3')).toHaveLength(1);
  states = { 'W-3': 'over' };
  await watch()();
  for (const one of all) expect(await causes(one)).toHaveLength(1);
});

test('what nobody knows ends nothing, is told after a minute, and no more once it is known (I18)', async () => {
  const mine = await held('W-4');
  states = { 'W-4': 'unknown' };
  const look = watch();
  await look();
  expect(await open()).toEqual([]);
  company.now += minuteMs;
  await look();
  expect(await open()).toEqual(['condition/incident/W-4']);
  await look();
  expect(await causes(mine)).toEqual([]);
  states = { 'W-4': 'holds' };
  await watch()();
  expect(await open()).toEqual([]);
  await workerEnds(company, mine);
});

test('an alarm about what nobody holds any more is resolved, by whichever worker looks next', async () => {
  const mine = await held('W-5');
  states = { 'W-5': 'unknown' };
  const look = watch();
  await look();
  company.now += minuteMs;
  await look();
  expect(await open()).toEqual(['condition/incident/W-5']);
  await workerEnds(company, mine);
  await watch()();
  expect(await open()).toEqual([]);
});

test('trouble with the source itself is told at once, and resolved', async () => {
  trouble = 'The file of conditions cannot be read.';
  await watch()();
  expect(await open()).toEqual(['conditions/source']);
  trouble = undefined;
  await watch()();
  expect(await open()).toEqual([]);
});
