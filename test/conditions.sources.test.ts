import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { fileSource } from '../conditions/file.ts';
import { httpSource } from '../conditions/http.ts';
import { createConditions } from '../conditions/source.ts';
import type { PersonFacts } from '../domain/person.ts';
import { hourMs } from '../domain/time.ts';
import { factsOf } from '../store/people.ts';
import { replace } from '../store/on-call.ts';
import { addPerson } from './support/store-sample.ts';
import { startStore, type TestStore } from './support/store.ts';

const incident = (key: string) => ({ kind: 'incident', key }) as const;
const ticket = (key: string) => ({ kind: 'ticket', key }) as const;

describe('a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'curfew-conditions-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'conditions.yaml');
  const write = (text: string): void => writeFileSync(path, text);

  test('says what is open and what is over, and is read again when it changes', async () => {
    write('incidents: { INC-12: open, INC-9: resolved }\ntickets: { OPS-7: closed }\n');
    const source = fileSource(path);
    expect(await source.stateOf(incident('INC-12'))).toBe('holds');
    expect(await source.stateOf(incident('INC-9'))).toBe('over');
    expect(await source.stateOf(ticket('OPS-7'))).toBe('over');
    write('incidents: { INC-12: resolved }\n');
    expect(await source.stateOf(incident('INC-12'))).toBe('over');
  });

  test('knows nothing of a key that it does not name, not of one of JavaScript’s own either', async () => {
    write('incidents: { INC-12: open }\n');
    const source = fileSource(path);
    for (const key of ['INC-13', '__proto__', 'constructor', 'toString']) {
      expect(await source.stateOf(incident(key))).toBe('unknown');
    }
    expect(await source.stateOf(ticket('INC-12'))).toBe('unknown');
    expect(source.trouble?.()).toBeUndefined();
  });

  test.each([
    ['that is no YAML', 'incidents: {'],
    ['with a state that nobody knows', 'incidents: { INC-12: opne }'],
    ['with a field that nobody knows', 'incident: { INC-12: open }'],
    ['with aliases', 'incidents: &a { INC-12: open }\ntickets: *a'],
    ['that is too large', `incidents: { INC-12: open }\n#${'x'.repeat(1_100_000)}`],
  ])('%s says nothing and what is wrong, and never that something holds', async (_what, text) => {
    write('incidents: { INC-12: open }\n');
    const source = fileSource(path);
    expect(await source.stateOf(incident('INC-12'))).toBe('holds');
    write(text);
    expect(await source.stateOf(incident('INC-12'))).toBe('unknown');
    expect(source.trouble?.()).toMatch(/^The file of conditions/);
    write('incidents: { INC-12: open }\n# mended\n');
    expect(await source.stateOf(incident('INC-12'))).toBe('holds');
    expect(source.trouble?.()).toBeUndefined();
  });

  test('that is not there says nothing, and is read once it is', async () => {
    const late = join(folder, 'late.yaml');
    const source = fileSource(late);
    expect(await source.stateOf(incident('INC-12'))).toBe('unknown');
    expect(source.trouble?.()).toBeDefined();
    writeFileSync(late, 'incidents: { INC-12: open }\n');
    expect(await source.stateOf(incident('INC-12'))).toBe('holds');
  });
});

const says =
  (body: string, status = 200, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) =>
    void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);

describe('an endpoint', () => {
  let server: Server;
  let answer: RequestListener;
  let asked: { readonly url: string | undefined; readonly authorization: string | undefined }[] = [];
  const source = (more: object = {}) =>
    httpSource({ base: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/`, timeoutMs: 1_500, ...more });
  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push({ url: request.url, authorization: request.headers.authorization });
      answer(request, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => (asked = []));
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  test('is asked by kind and key, with the token, and answers open or closed', async () => {
    answer = says('{"state":"open","title":"of no interest"}');
    expect(await source({ token: 'abc' }).stateOf(incident('a/b c?'))).toBe('holds');
    expect(asked).toEqual([{ url: '/v1/incident/a%2Fb%20c%3F', authorization: 'Bearer abc' }]);
    answer = says('{"state":"closed"}');
    expect(await source().stateOf(ticket('OPS-7'))).toBe('over');
    expect(asked[1]).toEqual({ url: '/v1/ticket/OPS-7', authorization: undefined });
  });

  test.each<readonly [string, RequestListener]>([
    ['of another form', says('{"state":"maybe"}')],
    ['that is no JSON', says('<html>sign in</html>')],
    ['that does not know the key', says('{"state":"open"}', 404)],
    ['that is broken', says('{"state":"open"}', 500)],
    ['that is a redirect', says('{"state":"open"}', 302, { location: '/v1/elsewhere' })],
    ['that is too long', says(`{"state":"open","x":"${'x'.repeat(20_000)}"}`)],
    ['that never comes', () => undefined],
    ['that breaks off', (request) => void request.socket.destroy()],
  ])('with an answer %s does not know', async (_what, listener) => {
    answer = listener;
    expect(await source({ token: 'abc' }).stateOf(incident('INC-12'))).toBe('unknown');
    expect(asked).toHaveLength(1);
  });

  test('that cannot be reached says what is wrong, until it can', async () => {
    answer = says('', 503);
    const one = source();
    await one.stateOf(incident('INC-12'));
    expect(one.trouble?.()).toContain('CURFEW_CONDITIONS_URL');
    answer = says('{"state":"open"}');
    await one.stateOf(incident('INC-12'));
    expect(one.trouble?.()).toBeUndefined();
  });
});

describe('a shift', () => {
  let store: TestStore;
  let now = Date.now();
  beforeAll(async () => {
    store = await startStore();
  });
  afterAll(() => store.end());

  test('holds for whoever is on it, by any of their accounts, and is over when it ends', async () => {
    const person = await addPerson(store.as.curfew_directory, 'ada');
    await addPerson(store.as.curfew_directory, 'ada-admin', { aliases: [person] });
    const other = await addPerson(store.as.curfew_directory, 'ben');
    const shift = { schedule: 'payments', person, fromAt: now - hourMs, untilAt: now + hourMs };
    await store.as.curfew_directory.transaction((tx) => replace(tx, 'test', [shift]));
    const conditions = createConditions(store.as.curfew_worker, () => now);
    const ask = async (handle: string, key = 'payments') => {
      const id =
        handle === 'ada' ? person : handle === 'ben' ? other : await addPerson(store.as.curfew_directory, handle);
      return conditions({ kind: 'shift', key }, (await factsOf(store.admin, id)) as PersonFacts);
    };
    expect(await ask('ada')).toBe('holds');
    expect(await ask('ada-admin')).toBe('holds');
    expect(await ask('ben')).toBe('over');
    expect(await ask('ada', 'orders')).toBe('over');
    now = shift.untilAt;
    expect(await ask('ada')).toBe('over');
  });

  test('is unknown to a store that does not answer, and so is everything else without a source', async () => {
    const dead = store.open('curfew_worker');
    await dead.close();
    const facts = { id: 'x', aliases: [] } as unknown as PersonFacts;
    expect(await createConditions(dead, () => now)({ kind: 'shift', key: 'payments' }, facts)).toBe('unknown');
    expect(await createConditions(store.as.curfew_worker, () => now)(incident('INC-12'), facts)).toBe('unknown');
  });
});
