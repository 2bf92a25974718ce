/** However a source writes somebody's name: a leaver is found, or it is an alarm, and nobody waits for another's (I9). */
import { createHmac, randomUUID } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { runDirectory } from '../api/process/directory.ts';
import { startCompany, type Company } from './support/company.ts';
import { serve, type TestApi } from './support/http.ts';
import { secrets, signedAs, sourcesOf, sourcesText, type Vendor } from './support/sources.ts';
import { addPerson } from './support/store-sample.ts';

const first = `whsec_${Buffer.alloc(24, 21).toString('base64')}`;
const more = `  glued:
    hook:
      preset: github
      secrets: ['a-secret-of-a-vendor-without-dots']
      signature: { content: '{id}{timestamp}{body}', id: { header: X-Id }, timestamp: { header: X-Stamp, unit: s } }
      event: { handle: /who, types: { gone: left, back: active } }
`;
let company: Company;
let api: TestApi;
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());
beforeEach(async () => {
  const sources = runDirectory(company.ctx, sourcesOf(sourcesText + more), AbortSignal.abort()).hooks;
  api = await serve(company, [first], { sources });
});
afterEach(() => api.end());

let counter = Date.now();
async function somebody(prefix = 'somebody'): Promise<string> {
  const handle = `${prefix}-${(counter += 1)}`;
  await addPerson(company.store.as.curfew_directory, handle);
  return handle;
}
const stateOf = async (handle: string) =>
  (await company.store.admin.query<{ state: string }>('select state from curfew.person where handle = $1', [handle]))[0]
    ?.state;
const unknown = async (): Promise<number> =>
  (await company.store.admin.query(`select 1 from curfew.alarm where code = 'person-unknown'`)).length;

function send(vendor: Vendor, body: unknown, id: string = randomUUID()): Promise<Response> {
  const signed = signedAs(vendor, JSON.stringify(body), { id, at: company.now });
  return api.post(`/hooks/hr/${vendor}`, signed.body, signed.headers);
}
function sendFirst(body: unknown): Promise<Response> {
  const [id, at, text] = [randomUUID(), new Date(company.now), JSON.stringify(body)];
  return api.post('/hooks/hr/default', text, {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': new Webhook(first).sign(id, at, text),
  });
}
const sendOkta = (target: unknown): Promise<Response> =>
  api.post(
    '/hooks/okta/okta',
    {
      data: {
        events: [
          {
            uuid: randomUUID(),
            published: new Date((counter += 1)).toISOString(),
            eventType: 'user.lifecycle.deactivate',
            target,
          },
        ],
      },
    },
    { authorization: secrets.okta },
  );
const employee = (login: unknown, version: unknown = (counter += 1)): unknown => ({
  fields: { login: { value: login }, status: { value: 'Inactive' }, changed: { value: version } },
});

const capital = (handle: string): string => handle.replace('s', 'S').toUpperCase();

test('a leaver is found in whichever case a source writes their name, and with composed letters or not', async () => {
  const [one, other, third] = [await somebody(), await somebody(), await somebody('zoë')];
  await sendFirst({ type: 'person.left', data: { handle: capital(one) } });
  await send('acme', { type: 'person.left', data: { handle: capital(other), version: (counter += 1) } });
  await send('hub', { action: 'offboarded', sequence: (counter += 1), employee: { login: third.normalize('NFD') } });
  expect([await stateOf(one), await stateOf(other), await stateOf(third)]).toEqual(['left', 'left', 'left']);
});

test('one whom nobody can be called keeps no other leaver of the same delivery waiting, and is an alarm', async () => {
  const [one, other] = [await somebody(), await somebody()];
  const before = await unknown();
  const employees = [
    employee(`${one}@acme.example`),
    employee("o'brien@acme.example"),
    employee(`${other}@acme.example`),
  ];
  expect((await send('bamboo', { employees })).status).toBe(200);
  expect([await stateOf(one), await stateOf(other)]).toEqual(['left', 'left']);
  expect(await unknown()).toBe(before + 1);
});

test('what cannot be read keeps no leaver of the same delivery waiting; it is refused all the same', async () => {
  for (const broken of [employee(7), employee('x', 'yesterday'), { fields: {} }, null, 'x']) {
    const [one, other] = [await somebody(), await somebody()];
    const body = { employees: [employee(one), broken, employee(other)] };
    const response = await send('bamboo', body);
    expect(response.status).toBe(400);
    expect([broken, await stateOf(one), await stateOf(other)]).toEqual([broken, 'left', 'left']);
  }
});

test('what is signed and cannot be read is an alarm, one for each source: a vendor may not look at its answer', async () => {
  const open = async (): Promise<readonly unknown[]> =>
    company.store.admin.query(
      `select key, subject from curfew.alarm where code = 'delivery-unread' and resolved_at is null order by key`,
    );
  await company.store.admin.query(`update curfew.alarm set resolved_at = clock_timestamp() where resolved_at is null`);
  await send('acme', { type: 'person.left', data: {} });
  await send('acme', { type: 7 });
  await sendFirst({ type: 'person.left' });
  expect(await open()).toEqual([
    { key: 'delivery-unread/hr', subject: 'source/hr' },
    { key: 'delivery-unread/hr/acme', subject: 'source/acme' },
  ]);
});

test('a login at Okta that nobody here can be called leaves a tombstone and an alarm, and is not passed over', async () => {
  for (const target of [
    [{ id: '00u1', type: 'User', alternateId: "o'neill@acme.example" }],
    [{ id: '00u2', type: 'User', alternateId: 'two words' }],
    [{ id: '00u3', type: 'User', alternateId: null }],
    [{ id: '00u4', type: 'User' }],
  ]) {
    const before = await unknown();
    const answer = (await (await sendOkta(target)).json()) as { deliveries: readonly { change: string }[] };
    expect([target, answer.deliveries.map(({ change }) => change)]).toEqual([target, ['unknown']]);
    expect(await unknown()).toBe(before + 1);
  }
});

test('two deliveries whose ids begin alike are two deliveries', async () => {
  const long = 'x'.repeat(95);
  const many = sourcesOf(sourcesText.replace('types: { offboarded', 'each: /all\n        types: { offboarded'));
  const beside = await serve(company, [], { sources: runDirectory(company.ctx, many, AbortSignal.abort()).hooks });
  const [one, other] = [await somebody(), await somebody()];
  const post = async (handle: string, id: string): Promise<void> => {
    const event = { action: 'offboarded', sequence: (counter += 1), employee: { login: handle } };
    const signed = signedAs('hub', JSON.stringify({ all: [event] }), { id, at: company.now });
    expect((await beside.post('/hooks/hr/hub', signed.body, signed.headers)).status).toBe(200);
  };
  await post(one, `${long}-one`);
  await post(other, `${long}-two`);
  await beside.end();
  expect([await stateOf(one), await stateOf(other)]).toEqual(['left', 'left']);
});

test('a zero before the stamp makes no other delivery of what was signed', async () => {
  const handle = await somebody();
  const key = 'a-secret-of-a-vendor-without-dots';
  const stamp = String(Math.floor(company.now / 1_000));
  const post = (id: string, at: string, body: string): Promise<Response> => {
    const signature = `sha256=${createHmac('sha256', key).update(`delivery-10${stamp}${body}`).digest('hex')}`;
    return api.post('/hooks/hr/glued', body, { 'x-id': id, 'x-stamp': at, 'x-hub-signature-256': signature });
  };
  const gone = JSON.stringify({ action: 'gone', who: handle });
  expect((await post('delivery-10', stamp, gone)).status).toBe(200);
  expect((await post('delivery-1', `0${stamp}`, gone)).status).toBe(401);
});
