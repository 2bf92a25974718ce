/** Okta's event hooks: https://developer.okta.com/docs/concepts/event-hooks/. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { runDirectory } from '../api/process/directory.ts';
import { oktaHooks } from '../api/routes/hooks-okta.ts';
import { startCompany, type Company } from './support/company.ts';
import { serve, type TestApi } from './support/http.ts';
import { secrets, sourcesOf, sourcesText } from './support/sources.ts';
import { addPerson } from './support/store-sample.ts';

const specs = sourcesOf(sourcesText);
let company: Company;
let api: TestApi;
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());
beforeEach(async () => {
  api = await serve(company, [], { sources: runDirectory(company.ctx, specs, AbortSignal.abort()).hooks });
});
afterEach(() => api.end());

let counter = 0;
async function somebody(): Promise<string> {
  const handle = `somebody-${(counter += 1)}`;
  await addPerson(company.store.as.curfew_directory, handle);
  return handle;
}
let publishedAt = Date.now();
type Event = {
  readonly uuid: string;
  readonly published: string;
  readonly eventType: string;
  readonly target: unknown;
};
const event = (what: string, handle: string, more: object = {}): Event => ({
  uuid: randomUUID(),
  published: new Date((publishedAt += 1)).toISOString(),
  eventType: `user.lifecycle.${what}`,
  target: [
    { id: '00grp', type: 'UserGroup', alternateId: 'Everyone' },
    { id: '00u1', type: 'User', alternateId: `${handle}@ACME.example`, displayName: 'Some Body' },
  ],
  ...more,
});
const send = (events: readonly unknown[], authorization: string = secrets.okta): Promise<Response> =>
  api.post(
    '/hooks/okta/okta',
    { eventType: 'com.okta.event_hook', eventTypeVersion: '1.0', eventId: randomUUID(), data: { events } },
    { authorization },
  );
const stateOf = async (handle: string) =>
  (await company.store.admin.query<{ state: string }>('select state from curfew.person where handle = $1', [handle]))[0]
    ?.state;
const deliveriesOf = async (
  response: Response,
): Promise<readonly { delivery: string; state: string; report: string }[]> =>
  ((await response.json()) as { deliveries: { delivery: string; state: string; report: string }[] }).deliveries;

const ask = (headers: Record<string, string>) => fetch(`${api.origin}/hooks/okta/okta`, { headers });

test('its challenge is answered with itself, and with nothing else', async () => {
  const response = await ask({ 'X-Okta-Verification-Challenge': 'a-Challenge_1' });
  expect([response.status, await response.json()]).toEqual([200, { verification: 'a-Challenge_1' }]);
  for (const challenge of ['', 'two words', 'x'.repeat(501)])
    expect((await ask({ 'X-Okta-Verification-Challenge': challenge })).status).toBe(404);
  expect((await ask({})).status).toBe(404);
});

test.each([
  ['deactivate', 'left'],
  ['delete.initiated', 'left'],
  ['suspend', 'suspended'],
])('user.lifecycle.%s makes its user %s', async (what, state) => {
  const handle = await somebody();
  const response = await send([event(what, handle)]);
  const [answer] = await deliveriesOf(response);
  expect([response.status, answer?.state, await stateOf(handle)]).toEqual([200, state, state]);
  const report = await fetch(`${api.origin}${answer?.report}`, { headers: { authorization: secrets.okta } });
  expect(await report.json()).toMatchObject({ state, delivery: answer?.delivery });
  expect((await fetch(`${api.origin}${answer?.report}`)).status).toBe(401);
});

test('unsuspend and activate bring back what Okta took away itself', async () => {
  const [one, other] = [await somebody(), await somebody()];
  await send([event('suspend', one), event('deactivate', other)]);
  await send([event('unsuspend', one), event('activate', other)]);
  expect([await stateOf(one), await stateOf(other)]).toEqual(['active', 'active']);
});

test('several events of one POST are taken in the order in which they were published', async () => {
  const handle = await somebody();
  const [suspended, back, gone] = [event('suspend', handle), event('unsuspend', handle), event('deactivate', handle)];
  expect(await deliveriesOf(await send([gone, suspended, back]))).toHaveLength(3);
  expect(await stateOf(handle)).toBe('left');
});

test('each event is a delivery of its own: a repeat in another POST has no second effect (I10)', async () => {
  const handle = await somebody();
  const gone = event('suspend', handle);
  const [first] = await deliveriesOf(await send([gone]));
  await send([event('unsuspend', handle)]);
  const again = await deliveriesOf(await send([gone, event('group.update', handle), gone]));
  expect(again).toEqual([first, first]);
  expect(await stateOf(handle)).toBe('active');
});

test('events that say nothing of a person are passed over', async () => {
  const handle = await somebody();
  const response = await send([
    event('x', handle, { eventType: 'user.session.start' }),
    event('deactivate', handle, { target: null }),
    event('deactivate', handle, { target: [{ id: '1', type: 'AppInstance', alternateId: handle }] }),
    event('deactivate', handle, { eventType: '__proto__' }),
  ]);
  expect([response.status, await deliveriesOf(response), await stateOf(handle)]).toEqual([200, [], 'active']);
});

test('a user is also found by an id that is theirs, and one whom nobody knows leaves a tombstone', async () => {
  const handle = await somebody();
  const [row] = await company.store.admin.query<{ id: string }>('select id from curfew.person where handle = $1', [
    handle,
  ]);
  await send([event('deactivate', handle, { target: [{ id: row?.id, type: 'User', alternateId: null }] })]);
  expect(await stateOf(handle)).toBe('left');
  expect(await deliveriesOf(await send([event('deactivate', 'nobody-at-all')]))).toMatchObject([{ change: 'unknown' }]);
});

const refusals = () =>
  company.store.admin.query(`select 1 from audit.entry where kind = 'delivery.refused' and subject = 'okta/okta'`);

test('without the secret, and with one that is nearly it, nothing is taken and it is written down', async () => {
  const handle = await somebody();
  const gone = event('deactivate', handle);
  const { okta } = secrets;
  const before = (await refusals()).length;
  for (const wrong of ['', okta.slice(0, -1), `${okta}x`, okta.slice(7), okta.toLowerCase().replace('a', 'b')])
    expect([wrong, (await send([gone], wrong)).status]).toEqual([wrong, 401]);
  expect((await send([gone], 'Bearer an-older-secret-of-okta')).status).toBe(200);
  expect(await refusals()).toHaveLength(before + 5);
  expect(api.logged.join('\n')).not.toContain('a-secret-of-okta');
});

test('what is not a hook of Okta is a clear error, and too much is turned away', async () => {
  const authorization = secrets.okta;
  for (const body of ['x', '[]', '{}', '{"data":{"events":[{"uuid":"../x"}]}}', '{"data":{"events":5}}'])
    expect([body, (await api.post('/hooks/okta/okta', body, { authorization })).status]).toEqual([body, 400]);
  const events = Array.from({ length: 1_001 }, () => event('suspend', 'x'));
  expect([400, 413]).toContain((await send(events)).status);
  expect((await api.post('/hooks/okta/okta', '{}', { authorization, 'content-type': 'text/plain' })).status).toBe(415);
});

test('an empty or short secret is refused at the start', () => {
  const [hook] = runDirectory(company.ctx, specs, AbortSignal.abort()).hooks.filter(({ spec }) => spec.okta);
  if (!hook?.spec.okta) throw new Error('no hook');
  for (const authorization of [[], [''], ['Bearer short'], [secrets.okta, '']]) {
    const okta = { ...hook.spec.okta, authorization };
    expect(() => oktaHooks([{ ...hook, spec: { ...hook.spec, okta } }])).toThrow('secret');
  }
});
