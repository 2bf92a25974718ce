/** Sources that are asked (F42): what a lost hook would have said is found, and a cut-off answer off-boards nobody. */
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openSource, sharing } from '../directory/open.ts';
import { dayMs, hourMs, minuteMs } from '../domain/time.ts';
import type { ListedPerson, Listing } from '../service/person-source.ts';
import { pullSource, type NotPulled, type Pulled } from '../service/pull.ts';
import * as pulls from '../store/source-pulls.ts';
import { watchPulls } from '../workers/worker/pull-watch.ts';
import { approved, claimed, startCompany, workerGrants, type Company } from './support/company.ts';
import { curfew } from './support/terminal.ts';
import { sourcesOf } from './support/sources.ts';
import { addPerson } from './support/store-sample.ts';

let company: Company;
let folder: string;
beforeAll(async () => {
  company = await startCompany();
  folder = mkdtempSync(join(tmpdir(), 'curfew-pull-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await company?.end();
});
beforeEach(() => company.restore());

const person = (handle: string, more = '') =>
  `  - { handle: ${handle}, name: N, email: ${handle}@acme.example${more} }\n`;

let counter = 0;
async function team(size: number): Promise<readonly string[]> {
  const handles = Array.from({ length: size }, () => `member-${(counter += 1)}`);
  for (const handle of handles) await addPerson(company.store.as.curfew_directory, handle);
  return handles;
}
const listing = (people: readonly ListedPerson[]): Listing => ({
  kind: 'listed',
  people: new Map(people.map((one) => [one.handle, one])),
});
const active = (handles: readonly string[]): readonly ListedPerson[] =>
  handles.map((handle) => ({ handle, state: 'active' }));
async function pull(source: string, answer: Listing, more: { dryRun?: boolean; missingPercent?: number } = {}) {
  company.now += minuteMs;
  const ask = { list: () => Promise.resolve(answer) };
  return pullSource(company.ctx, { source, ask, missingPercent: 10, actor: 'curfew_directory', ...more });
}
const pulled = (result: Pulled | NotPulled): Pulled => (result.kind === 'pulled' ? result : expect.fail(result.kind));
const stateOf = async (handle: string) =>
  (await company.store.admin.query<{ state: string }>('select state from curfew.person where handle = $1', [handle]))[0]
    ?.state;
const alarmsOf = (code: string) =>
  company.store.admin.query<{ key: string }>('select key from curfew.alarm where code = $1 and resolved_at is null', [
    code,
  ]);

test('a leaver whose hook was lost is found, and loses what they hold (F42)', async () => {
  const requestId = await approved(company);
  const { endAt } = await claimed(company, requestId);
  await workerGrants(company, requestId, endAt);
  const result = pulled(await pull('lost', listing([{ handle: 'ada', state: 'left' }])));
  expect(result.changed).toEqual([{ handle: 'ada', change: ['state'] }]);
  const intents = await company.store.admin.query<{ cause: string }>(
    'select cause from curfew.revoke_intent where request_id = $1',
    [requestId],
  );
  expect([await stateOf('ada'), intents[0]?.cause]).toEqual(['left', 'left']);
});

test('whoever holds something, asked for something or approved what is open comes first', async () => {
  const open = await approved(company, { person: company.id('eve'), role: 'read' });
  expect(open).toBeDefined();
  const known = await pulls.knownOf(company.store.as.curfew_directory, 'first');
  const concerned = known.filter((one) => one.concerned).map(({ handle }) => handle);
  expect(known.slice(0, concerned.length).map(({ handle }) => handle)).toEqual(concerned);
  expect(concerned).toEqual(expect.arrayContaining(['eve', 'olga']));
});

test('groups and managers of the source are taken, and what other sources say stays', async () => {
  const [one = '', boss = ''] = await team(2);
  const both = (people: readonly Partial<ListedPerson>[]): Listing =>
    listing(people.map((more, index) => ({ handle: [one, boss][index] ?? '', state: 'active', ...more })));
  pulled(await pull('teams', both([{ groups: ['red', 'blue'], manager: boss }, {}])));
  const groups = async () =>
    (
      await company.store.admin.query<{ name: string }>(
        `select g.name from curfew.person_group g join curfew.person p on p.id = g.person where p.handle = $1 order by 1`,
        [one],
      )
    ).map(({ name }) => name);
  expect(await groups()).toEqual(['blue', 'red']);
  expect(pulled(await pull('teams', both([{ groups: ['blue', 'red'], manager: boss }, {}]))).changed).toEqual([]);
  expect(pulled(await pull('teams', both([{ groups: ['blue'], manager: null }, {}]))).changed).toEqual([
    { handle: one, change: ['groups', 'manager'] },
  ]);
  expect(await groups()).toEqual(['blue']);
});

test('whoever is listed no more is suspended with an alarm, and is back when listed again', async () => {
  const all = await team(20);
  const [gone = '', ...rest] = all;
  pulled(await pull('shrinks', listing(active(all))));
  const result = pulled(await pull('shrinks', listing(active(rest))));
  expect([result.missing, await stateOf(gone)]).toEqual([[gone], 'suspended']);
  expect((await alarmsOf('source-missing')).length).toBe(1);
  expect(pulled(await pull('shrinks', listing(active(rest)))).missing, 'said once').toEqual([]);
  const look = watchPulls({ store: company.store.as.curfew_worker, clock: Date.now });
  await look();
  expect((await alarmsOf('source-missing')).length, 'nobody knows yet').toBe(1);
  pulled(await pull('shrinks', listing(active(all))));
  expect(await stateOf(gone)).toBe('active');
  await look();
  expect(await alarmsOf('source-missing')).toEqual([]);
});

test('a cut-off answer off-boards nobody: it is refused whole, with an alarm', async () => {
  const all = await team(20);
  pulled(await pull('cut', listing(active(all))));
  const cut = listing([...active(all.slice(0, 10)), { handle: all[19] ?? '', state: 'left' }]);
  expect(await pull('cut', cut)).toEqual({ kind: 'too-many-missing', missing: 9, listed: 20 });
  expect(await Promise.all(all.map(stateOf))).toEqual(all.map(() => 'active'));
  expect((await alarmsOf('pull-refused')).map(({ key }) => key)).toContain('pull-refused/cut');
  expect(await pull('cut', listing([]), { missingPercent: 100 }), 'an empty one always').toMatchObject({
    kind: 'too-many-missing',
  });
  expect(pulled(await pull('cut', cut, { missingPercent: 50 })).missing).toHaveLength(9);
});

test('one of a small team may be missing', async () => {
  const all = await team(3);
  pulled(await pull('small', listing(active(all))));
  expect(pulled(await pull('small', listing(active(all.slice(1))))).missing).toEqual([all[0]]);
});

test('a dry run tells what it comes to and changes nothing', async () => {
  const all = await team(3);
  pulled(await pull('dry', listing(active(all))));
  const now = listing([
    { handle: all[0] ?? '', state: 'left' },
    { handle: all[1] ?? '', state: 'active' },
    { handle: 'stranger', state: 'active' },
  ]);
  expect(pulled(await pull('dry', now, { dryRun: true }))).toMatchObject({
    listed: 3,
    unknown: 1,
    changed: [{ handle: all[0], change: ['state'] }, { handle: all[2] }],
    missing: [all[2]],
  });
  expect(await Promise.all(all.map(stateOf))).toEqual(['active', 'active', 'active']);
});

test('what another source says to be gone stays gone, and an older pull undoes no newer event', async () => {
  const [one = ''] = await team(1);
  await addPerson(company.store.as.curfew_directory, one, { source: 'hr', version: 5, state: 'left' });
  pulled(await pull('others', listing(active([one]))));
  expect(await stateOf(one)).toBe('left');
});

test('its turn is taken once in an interval, by one of several processes, and sooner after a failure', async () => {
  const db = company.store.as.curfew_directory;
  const at = (ms: number) => company.now + ms;
  const turns = await Promise.all([1, 2, 3].map(() => pulls.takeTurn(db, 'turns', dayMs, at(0))));
  expect(turns.filter(Boolean)).toHaveLength(1);
  expect(await pulls.takeTurn(db, 'turns', dayMs, at(minuteMs))).toBe(false);
  expect(await pulls.takeTurn(db, 'turns', dayMs, at(11 * minuteMs)), 'it did not succeed').toBe(true);
  await pulls.succeeded(db, 'turns', at(11 * minuteMs));
  expect(await pulls.takeTurn(db, 'turns', dayMs, at(23 * hourMs))).toBe(false);
  expect(await pulls.takeTurn(db, 'turns', dayMs, at(11 * minuteMs + dayMs))).toBe(true);
  await pulls.keepOnly(db, []);
});

test('two intervals without success are an alarm, which the next success resolves', async () => {
  const db = company.store.as.curfew_directory;
  await pulls.keepOnly(db, []);
  let now = Date.now();
  await pulls.takeTurn(db, 'watched', hourMs, now);
  const look = watchPulls({ store: company.store.as.curfew_worker, clock: () => now });
  await look();
  expect(await alarmsOf('pull-late')).toEqual([]);
  await pull('watched', { kind: 'silent', why: 'away' });
  now += 2 * hourMs + minuteMs;
  await look();
  await look();
  expect(await alarmsOf('pull-late')).toEqual([{ key: 'pull-late/watched' }]);
  await pulls.succeeded(db, 'watched', now);
  await look();
  expect(await alarmsOf('pull-late')).toEqual([]);
  await pulls.keepOnly(db, []);
});

describe('a source', () => {
  let server: Server;
  let answer: { status: number; body: string; location?: string } = { status: 200, body: '[]' };
  let asked: (string | undefined)[] = [];
  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push(request.headers.authorization);
      response.writeHead(answer.status, answer.location === undefined ? {} : { location: answer.location });
      response.end(answer.body);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(() => {
    server?.closeAllConnections();
    server?.close();
  });
  const url = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/people`;
  const source = (more = '') => {
    const [spec] = sourcesOf(
      `sources: { it: { domain: acme.example, ask: { url: '${url()}', token: a-token-of-the-source${more} } } }`,
    );
    return (spec && openSource(spec)) ?? expect.fail('it cannot be asked');
  };
  const says = (body: unknown, status = 200): void => {
    answer = { status, body: typeof body === 'string' ? body : JSON.stringify(body) };
  };

  test('over HTTP is asked with its token, and read where its configuration says', async () => {
    says({
      data: [
        { login: 'Ada@ACME.example', status: 'Active', boss: 'ben@acme.example', teams: ['red', 'Not A Group', 7] },
        { login: 'ben', status: 'Terminated', boss: null },
        { login: '', status: 'Active' },
      ],
    });
    asked = [];
    const listed = await source(
      ', list: /data, handle: /login, state: /status, states: { Active: active, Terminated: left }, manager: /boss, groups: /teams',
    ).list();
    expect(asked).toEqual(['Bearer a-token-of-the-source']);
    expect(listed).toEqual(
      listing([
        { handle: 'ada', state: 'active', manager: 'ben', groups: ['red'] },
        { handle: 'ben', state: 'left', manager: null },
      ]),
    );
  });

  test.each([
    ['an error', 'x', 500],
    ['no JSON', '<html>sign in</html>', 200],
    ['no list', { people: 5 }, 200],
    ['a state that is not configured', [{ handle: 'ada', state: 'Sabbatical' }], 200],
    [
      'somebody twice',
      [
        { handle: 'ada', state: 'left' },
        { handle: 'ADA@acme.example', state: 'active' },
      ],
      200,
    ],
    ['more than any list', `[${'"x",'.repeat(6_000_000)}"x"]`, 200],
  ])('that answers %s is silent', async (_what, body, status) => {
    says(body, status);
    expect(await source().list()).toMatchObject({ kind: 'silent' });
  });

  test('that sends elsewhere is silent, and its token goes nowhere', async () => {
    asked = [];
    answer = { status: 302, body: '', location: url() };
    expect(await source().list()).toMatchObject({ kind: 'silent' });
    expect(asked).toHaveLength(1);
  });

  test('that many ask at once is asked twice: none gets an answer older than its question', async () => {
    let [calls, waiting]: [number, (() => void)[]] = [0, []];
    const shared = sharing({
      list: async () => {
        calls += 1;
        await new Promise<void>((resolve) => waiting.push(resolve));
        return { kind: 'silent', why: String(calls) };
      },
    });
    const first = shared.list();
    const others = [shared.list(), shared.list(), shared.list()];
    waiting.shift()?.();
    await first;
    await new Promise((resolve) => setImmediate(resolve));
    for (const resolve of waiting) resolve();
    expect(await Promise.all(others)).toEqual(others.map(() => ({ kind: 'silent', why: '2' })));
    expect(calls).toBe(2);
  });

  test('that is a file is read anew each time, as a whole or not at all', async () => {
    const path = join(folder, 'people.yaml');
    const [spec] = sourcesOf(`sources: { it: { ask: { file: '${path}' } } }`);
    const file = (spec && openSource(spec)) ?? expect.fail('it cannot be asked');
    expect(await file.list()).toMatchObject({ kind: 'silent' });
    writeFileSync(path, `people:\n${person('ada', ', manager: ben, groups: [red]')}${person('ben', ', state: left')}`);
    expect(await file.list()).toEqual(
      listing([
        { handle: 'ada', manager: 'ben', groups: ['red'] },
        { handle: 'ben', state: 'left', manager: null, groups: [] },
      ]),
    );
    writeFileSync(path, `people:\n${person('ada', ', manager: nobody')}`);
    expect(await file.list()).toMatchObject({ kind: 'silent' });
  });

  test('is asked by curfew people pull, first dry and then in earnest', async () => {
    const [one = '', other = ''] = await team(2);
    says([
      { handle: one, state: 'suspended' },
      { handle: other, state: 'active' },
    ]);
    const files = { '/sources.yaml': `sources: { it: { ask: { url: '${url()}' } } }` };
    const env = {
      CURFEW_DIRECTORY_STORE_URL: company.store.url('curfew_directory'),
      CURFEW_HR_SOURCES: '/sources.yaml',
    };
    const run = (...words: string[]) => curfew(['people', 'pull', ...words], { env, files });
    const dry = await run('--source', 'it', '--dry-run', '--json');
    expect([dry.code, JSON.parse(dry.out)]).toMatchObject([0, { dryRun: true, changed: [{ handle: one }] }]);
    expect(await stateOf(one)).toBe('active');
    const earnest = await run('--source', 'it');
    expect(earnest).toMatchObject({ code: 0, out: expect.stringContaining(`${one}: state`) });
    expect(await stateOf(one)).toBe('suspended');
    says('away', 503);
    expect(await run('--source', 'it')).toMatchObject({ code: 1, err: expect.stringContaining('did not answer') });
    expect(await run('--source', 'elsewhere')).toMatchObject({ code: 2, err: expect.stringContaining('known: it') });
    expect((await run('--source', 'it', '--missing', 'all')).code).toBe(2);
  });
});
