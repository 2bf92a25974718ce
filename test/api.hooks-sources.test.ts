/** Hooks of configured sources: each vendor's way to sign, and what must not come through it (F36). */
import * as fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { runDirectory } from '../api/process/directory.ts';
import { provenBy } from '../api/hook-signature.ts';
import { minuteMs, secondMs } from '../domain/time.ts';
import { settleDue } from '../service/due.ts';
import { approved, startCompany, type Company } from './support/company.ts';
import { serve, type TestApi } from './support/http.ts';
import {
  bodyOf,
  secrets,
  signedAs,
  sourcesOf,
  sourcesText,
  toleranceMs,
  vendors,
  type Says,
  type Vendor,
} from './support/sources.ts';
import { addPerson } from './support/store-sample.ts';

const specs = sourcesOf(sourcesText);
let company: Company;
let api: TestApi;
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());
beforeEach(async () => {
  await company.restore();
  api = await serve(company, [], { sources: hooks() });
});
afterEach(() => api.end());

/** The hooks, and none of what runs beside them. */
const hooks = () => runDirectory(company.ctx, specs, AbortSignal.abort()).hooks;

let ids = 0;
const newId = (): string => `delivery-${(ids += 1)}`;
let versions = Date.now();
const newVersion = (): number => (versions += 1);
const gone = (handle: string) => ({ handle, state: 'left', version: newVersion() }) as const;
/** Somebody of whom only tests speak, once. */
async function somebody(): Promise<string> {
  const handle = `somebody-${newVersion()}`;
  await addPerson(company.store.as.curfew_directory, handle);
  return handle;
}

type Send = {
  readonly id?: string;
  readonly at?: number;
  readonly secret?: string;
  readonly headers?: Record<string, string>;
};
function send(vendor: Vendor, says: Says | string, { id = newId(), at = company.now, secret, headers }: Send = {}) {
  const text = typeof says === 'string' ? says : JSON.stringify(bodyOf[vendor](says, id));
  const signed = signedAs(vendor, text, { id, at, ...(secret === undefined ? {} : { secret }) });
  return api.post(`/hooks/hr/${vendor}`, signed.body, { ...signed.headers, ...headers });
}

type Answer = { delivery: string; change: string; state: string; report: string; person: string | null };
async function answerOf(response: Response): Promise<Answer> {
  const body = (await response.json()) as Answer & { deliveries?: Answer[] };
  return body.deliveries?.[0] ?? body;
}
const stateOf = async (handle: string) =>
  (await company.store.admin.query<{ state: string }>('select state from curfew.person where handle = $1', [handle]))[0]
    ?.state;
const changes = async (kind = 'person.changed') =>
  (await company.store.admin.query<{ n: number }>('select count(*) as n from audit.entry where kind = $1', [kind]))[0]
    ?.n ?? 0;

describe.each(vendors)('the hook of %s', (vendor) => {
  test('off-boards whom its vendor says to be gone, and reports how it goes on', async () => {
    const handle = await somebody();
    const id = newId();
    const response = await send(vendor, { handle, state: 'left', version: newVersion() }, { id });
    expect(response.status).toBe(200);
    const answer = await answerOf(response);
    expect(answer).toMatchObject({ change: 'applied', state: 'left' });
    expect(answer.report).toBe(`/hooks/hr/${vendor}/${answer.delivery}`);
    expect(await stateOf(handle)).toBe('left');
    const about = vendor === 'acme' || vendor === 'hub' ? '' : answer.delivery;
    const { headers } = signedAs(vendor, about, { id: answer.delivery, at: company.now });
    const report = await fetch(`${api.origin}${answer.report}`, { headers });
    expect([report.status, await report.json()]).toMatchObject([200, { state: 'left', safe: expect.any(Boolean) }]);
    const stranger = vendor === 'acme' ? `whsec_${Buffer.alloc(24, 12).toString('base64')}` : secrets.okta;
    const forged = signedAs(vendor, about, { id: answer.delivery, at: company.now, secret: stranger });
    expect((await fetch(`${api.origin}${answer.report}`, { headers: forged.headers })).status).toBe(401);
    expect((await fetch(`${api.origin}${answer.report}`)).status).toBe(401);
  });

  test('has one effect of a delivery that comes five times, at once and later, and one answer (I10, F36)', async () => {
    const handle = await somebody();
    const [says, id] = [{ handle, state: 'left', version: newVersion() } as const, newId()];
    const before = await changes();
    const all = await Promise.all(Array.from({ length: 5 }, () => send(vendor, says, { id })));
    all.push(await send(vendor, says, { id }));
    const answers = await Promise.all(all.map(answerOf));
    expect(new Set(answers.map((one) => JSON.stringify(one))).size).toBe(1);
    expect(all.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
    expect(await changes()).toBe(before + 1);
    // Replayed after newer word, it would take away again: what takes more away counts whenever it comes.
    await send(vendor, { handle, state: 'active', version: newVersion() });
    expect(await answerOf(await send(vendor, says, { id }))).toEqual(answers[0]);
    expect(await stateOf(handle)).toBe('active');
  });

  test('takes nothing that is unsigned, wrongly signed, or signed by another source (F36)', async () => {
    const handle = await somebody();
    const says = { handle, state: 'left', version: newVersion() } as const;
    const before = [await changes(), await changes('delivery.refused')];
    const [signatureHeader = ''] = Object.keys(signedAs(vendor, '{}', { id: 'x', at: company.now }).headers).filter(
      (name) => name.includes('signature'),
    );
    const other = vendor === 'acme' ? `whsec_${Buffer.alloc(24, 12).toString('base64')}` : secrets.okta;
    const tries = [
      ...['', 'v1', 'v1,', 'sha256=', '0'.repeat(64), `sha256=${'0'.repeat(64)}`, 'A'.repeat(600), 'v1,AAAA'].map(
        (signature) => send(vendor, says, { headers: { [signatureHeader]: signature } }),
      ),
      send(vendor, says, { secret: other }),
      ...(vendor === 'acme' ? [] : [send(vendor, says, { secret: secrets[vendor === 'bob' ? 'hub' : 'bob'] })]),
      api.post(`/hooks/hr/${vendor}`, JSON.stringify(bodyOf[vendor](says, 'x'))),
    ];
    for (const response of await Promise.all(tries)) expect(response.status).toBe(401);
    expect([await stateOf(handle), await changes()]).toEqual(['active', before[0]]);
    expect(await changes('delivery.refused')).toBe((before[1] ?? 0) + tries.length);
  });

  test('takes what is 4:59 old and nothing that is 5:01 old or ahead, where its vendor says when (F36)', async () => {
    const [young, old, ahead] = [await somebody(), await somebody(), await somebody()];
    company.now = Date.now();
    const statuses = [
      (await send(vendor, gone(young), { at: company.now - 5 * minuteMs + 3 * secondMs })).status,
      (await send(vendor, gone(old), { at: company.now - 5 * minuteMs - 3 * secondMs })).status,
      (await send(vendor, gone(ahead), { at: company.now + 5 * minuteMs + 3 * secondMs })).status,
    ];
    const bounded = toleranceMs[vendor] !== undefined;
    expect(statuses).toEqual(bounded ? [200, 401, 401] : [200, 200, 200]);
    expect([await stateOf(young), await stateOf(old)]).toEqual(['left', bounded ? 'active' : 'left']);
  });

  test('passes over what says nothing of a person, and names what it cannot read', async () => {
    const handle = await somebody();
    const other = JSON.stringify(bodyOf[vendor]({ handle, state: 'left', version: newVersion() }, newId()))
      .replace(/person\.left|employee\.left|offboarded/, 'payslip')
      .replace('Inactive', 'payslip');
    expect((await send(vendor, other)).status).toBe(200);
    for (const body of ['left', '[]', '5', 'null', '{"employees":5}', '{"type":{}}', '{"__proto__":{"type":"x"}}'])
      expect([body, (await send(vendor, body)).status]).toEqual([body, 400]);
    const huge = JSON.stringify({ pad: 'x'.repeat(70_000) });
    expect((await send(vendor, huge)).status).toBe(413);
    expect(await stateOf(handle)).toBe('active');
  });

  test('leaves a tombstone and an alarm of somebody unknown', async () => {
    const handle = `nobody-${newVersion()}`;
    const response = await send(vendor, { handle, state: 'left', version: newVersion() });
    expect(await answerOf(response)).toMatchObject({ person: null, change: 'unknown', state: 'left' });
    await addPerson(company.store.as.curfew_directory, handle);
    expect(await stateOf(handle)).toBe('left');
    const alarms = await company.store.admin.query(`select 1 from curfew.alarm where code = 'person-unknown'`);
    expect(alarms.length).toBeGreaterThan(0);
  });

  test('says its own word: what another source said to be gone is gone', async () => {
    const handle = await somebody();
    const other = vendor === 'hub' ? 'bob' : 'hub';
    await send(other, { handle, state: 'left', version: newVersion() });
    await send(vendor, { handle, state: 'active', version: newVersion() });
    expect(await stateOf(handle)).toBe('left');
  });
});

test('two secrets of a source hold at once, so that one can be replaced without a gap', async () => {
  const handle = await somebody();
  const says = (state: Says['state']) => ({ handle, state, version: newVersion() });
  expect((await send('bamboo', says('left'), { secret: secrets.bambooOld })).status).toBe(200);
  expect((await send('bamboo', says('active'))).status).toBe(200);
  expect(await stateOf(handle)).toBe('active');
});

test('several people in one delivery are each a delivery of their own', async () => {
  const [one, other] = [await somebody(), await somebody()];
  const each = [one, other].map(
    (handle) =>
      (bodyOf.bamboo({ handle, state: 'left', version: newVersion() }, '') as { employees: unknown[] }).employees[0],
  );
  const body = JSON.stringify({ employees: [...each, { fields: { status: { value: 'Sabbatical' } } }] });
  const response = await send('bamboo', body);
  expect(((await response.json()) as { deliveries: unknown[] }).deliveries).toHaveLength(2);
  expect([await stateOf(one), await stateOf(other)]).toEqual(['left', 'left']);
});

test('a day without a time begins when it does where the source is', async () => {
  const handle = await somebody();
  const [employee] = (
    bodyOf.bamboo({ handle, state: 'left', version: newVersion() }, '') as {
      employees: { fields: Record<string, unknown> }[];
    }
  ).employees;
  const day = new Date(company.now + 20 * 24 * 60 * minuteMs).toISOString().slice(0, 10);
  const fields = { ...employee?.fields, terminationDate: { value: day } };
  const answer = (await answerOf(await send('bamboo', JSON.stringify({ employees: [{ fields }] })))) as Answer & {
    effectiveAt: number;
  };
  expect(answer.change).toBe('later');
  const there = new Intl.DateTimeFormat('sv', { timeZone: 'Europe/Oslo', dateStyle: 'short', timeStyle: 'short' });
  expect(there.format(answer.effectiveAt)).toBe(`${day} 17:00`);
  company.now = answer.effectiveAt;
  await settleDue(company.ctx);
  expect(await stateOf(handle)).toBe('left');
});

test('the requests of whoever leaves are ended by any source', async () => {
  const requestId = await approved(company, { person: company.id('eve') });
  const response = await send('hub', { handle: 'eve', state: 'suspended', version: newVersion() });
  expect(await response.json()).toMatchObject({ requests: [requestId] });
  await send('hub', { handle: 'eve', state: 'active', version: newVersion() });
});

test('in whichever order and however often deliveries come, the newest word of the source holds (F36)', async () => {
  const states = ['left', 'suspended', 'active'] as const;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...states), { minLength: 2, maxLength: 6 }),
      fc.infiniteStream(fc.nat(1_000)),
      async (said, order) => {
        const handle = await somebody();
        const base = newVersion();
        versions += said.length;
        const all = said.map((state, index) => ({ state, version: base + index, id: newId() }));
        const five = all.flatMap((one) => Array.from({ length: 5 }, () => ({ one, at: order.next().value ?? 0 })));
        const shuffled = five.toSorted((a, b) => a.at - b.at).map(({ one }) => one);
        for (const { id, ...rest } of shuffled) {
          const response = await send('hub', { handle, ...rest }, { id });
          expect(response.status).toBe(200);
        }
        // In order, the last word holds. Out of order a word that takes more away counts whenever it comes (I9).
        const [last, actual] = [said.at(-1), await stateOf(handle)];
        const strict = { active: 0, suspended: 1, left: 2 } as const;
        expect(strict[actual as Says['state']]).toBeGreaterThanOrEqual(strict[last ?? 'active']);
        const first = shuffled.filter((one, index) => shuffled.indexOf(one) === index);
        if (first.every((one, index) => one === all[index])) expect(actual).toBe(last);
      },
    ),
    { numRuns: 10, seed: 20261121 },
  );
});

test('whatever a hook is sent, signed or not, it answers, and nobody comes back by it (F44)', async () => {
  const handle = await somebody();
  await send('hub', { handle, state: 'left', version: newVersion() });
  const nasty = [
    { __proto__: null, action: 'returned', sequence: -1, employee: { login: handle } },
    { action: 'returned', sequence: 1e300, employee: { login: handle } },
    { action: 'returned', sequence: '9'.repeat(400), employee: { login: handle } },
    { action: ['returned'], sequence: 1, employee: { login: handle } },
    { action: 'returned', sequence: null, employee: { login: [handle] } },
    { action: 'constructor', employee: { login: handle } },
    { action: 'returned', employee: { login: `${handle}\u0000` } },
    { action: 'returned', employee: { login: ` ${'x'.repeat(5_000)}` } },
  ].map((one) => JSON.stringify(one));
  const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
  const random = fc
    .sample(fc.jsonValue({ maxDepth: 4 }), { numRuns: 250, seed: 20261121 })
    .map((one) => JSON.stringify(one));
  const texts = fc.sample(fc.string({ maxLength: 60, unit: 'binary' }), { numRuns: 100, seed: 20261121 });
  const bodies = [...nasty, deep, ...random, ...texts, '{"action":"returned","action":"left"}'];
  for (const [index, body] of bodies.entries()) {
    const vendor = vendors[index % vendors.length] ?? 'hub';
    const response = await send(index < nasty.length ? 'hub' : vendor, body);
    expect([200, 400]).toContain(response.status);
    await response.arrayBuffer();
  }
  expect(await stateOf(handle)).toBe('left');
});

test('an empty or short key is refused at the start', () => {
  const hmac = { header: 'x', algorithm: 'sha256', encoding: 'hex', prefix: '', content: '{body}' } as const;
  for (const keys of [[], [Buffer.alloc(0)], [Buffer.alloc(15)], [Buffer.alloc(32), Buffer.alloc(0)]])
    expect(() => provenBy({ kind: 'hmac', keys, ...hmac }, Date.now)).toThrow('secret');
  expect(() => provenBy({ kind: 'standard', secrets: [''] }, Date.now)).toThrow();
});

test('neither names, bodies nor signatures stand in the log, and an unknown source is nowhere', async () => {
  await send('hub', { handle: 'ada', state: 'suspended', version: newVersion() }, { id: 'logged-1' });
  for (const secret of ['"ada"', 'sha256=', secrets.hub, 'logged-1'])
    expect(api.logged.join('\n')).not.toContain(secret);
  expect((await api.post('/hooks/hr/elsewhere', {})).status).toBe(404);
  expect((await api.post('/hooks/hr/okta', {})).status).toBe(404);
  expect((await api.post('/hooks/hr/__proto__', {})).status).toBe(404);
});
