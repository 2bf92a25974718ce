/** Sessions as they are kept: each line once, whoever dies in between, and fixed in the log by hashes. */
import { createHash, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { noticesOf } from '../doctor/notices.ts';
import type { PersonId, RequestId } from '../domain/ids.ts';
import { entriesOf } from '../store/audit.ts';
import * as people from '../store/people.ts';
import { lockedGroupsOf } from '../store/scim-groups.ts';
import { sessionChanges } from '../store/session-check.ts';
import { statementLine } from '../store/session-batches.ts';
import { hashOf, type SessionEvent, type SessionLine } from '../store/session-fold.ts';
import { fixedAfterMs, record, settle, type LogPiece } from '../store/session-log.ts';
import { forgetOthers, placeOf, type LogPlace } from '../store/session-places.ts';
import { coverage, sessionsOf, statementsOf, usesOf } from '../store/sessions.ts';
import { until } from './support/postgres.ts';
import { addPerson, openRequest } from './support/store-sample.ts';
import { startStore, type TestStore } from './support/store.ts';

let store: TestStore;
let person: PersonId;
let requestId: RequestId;
let node: { cluster: string; node: string; targets: string[] };
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.end());
beforeEach(async () => {
  person = await addPerson(store.as.curfew_directory, `holder-${randomUUID()}`);
  requestId = (await openRequest(store.as.curfew_api, person)).id;
  node = { cluster: `c-${randomUUID()}`, node: 'primary', targets: ['orders-prod'] };
  // What other tests began to read is not read on.
  await store.admin.query('delete from curfew.session_cursor');
  await placeOf(store.as.curfew_collector, node);
});

/** Whatever is written down in earnest is what the log has the hashes of. */
afterEach(async () => {
  expect(await sessionChanges(store.as.curfew_auditor, { id: requestId, person })).toEqual([]);
});

const at = Date.UTC(2026, 10, 21, 10);
const told = (text: string | null, more: object = {}): SessionEvent => ({
  kind: 'statement',
  via: 'statement',
  text,
  parameters: null,
  what: null,
  durationUs: null,
  error: null,
  ...more,
});
const opened: SessionEvent = { kind: 'opened', application: 'psql' };
const closed: SessionEvent = { kind: 'closed' };

/** Lines of one session, a second apart. */
const session = (events: readonly SessionEvent[], name = '1.a', first = 1): readonly SessionLine[] =>
  events.map((event, index) => ({
    session: name,
    line: first + index,
    requestId,
    database: 'orders',
    at: at + (first + index) * 1_000,
    ends: event.kind === 'closed',
    event,
  }));

const start: LogPlace = { file: null, head: null, next: 0 };
const head = Buffer.alloc(32, 1);
const piece = (lines: readonly SessionLine[], next: number, more: Partial<LogPiece> = {}): LogPiece => ({
  place: { file: 'a.json', head, next },
  askedAt: at + 3_600_000,
  lines,
  more: false,
  lost: false,
  connections: true,
  copiedUntil: null,
  ...more,
});
const keep = (from: LogPlace, found: LogPiece): Promise<number | undefined> =>
  record(store.as.curfew_collector, node, from, found);
const entries = async () =>
  (await entriesOf(store.as.curfew_admin, requestId)).filter(({ kind }) => kind.startsWith('session.'));
const took = (durationUs: number): SessionEvent => ({ kind: 'took', durationUs });
const placeAt = (next: number): LogPlace => ({ file: 'a.json', head, next });
const statements = () => statementsOf(store.as.curfew_auditor, requestId, 10_000);

const outcomeOf = async (events: readonly SessionEvent[]) => {
  await keep(start, piece(session([opened, ...events, closed]), 100));
  return (await statements()).map(({ text, via, what, durationUs, error }) => ({
    text,
    via,
    what,
    durationUs,
    error,
  }));
};

const granted = async (grantedAt: number, endedAt: number | null) =>
  store.admin.query(
    `insert into curfew.access_grant (request_id, target, person, template, role, granted_at, end_at, ended_at)
     values ($1, 'orders-prod', $2, 'orders_read', $3, $4, $5, $6)`,
    [
      requestId,
      person,
      `cfw_${requestId.replaceAll('-', '')}`,
      new Date(grantedAt),
      new Date(at + 3_600_000),
      endedAt && new Date(endedAt),
    ],
  );

describe('a session', () => {
  test('is kept with its statements, and its end fixes them by a hash that anybody can make again', async () => {
    await keep(
      start,
      piece(
        session([opened, told('select ?'), { kind: 'took', durationUs: 1_500 }, told('delete from t'), closed]),
        100,
      ),
    );
    expect(await sessionsOf(store.as.curfew_auditor, [requestId])).toEqual([
      {
        requestId,
        cluster: node.cluster,
        node: 'primary',
        session: '1.a',
        database: 'orders',
        openedAt: at + 1_000,
        closedAt: at + 5_000,
        ended: 'seen',
        statements: 2,
        failed: 0,
        lastAt: at + 4_000,
      },
    ]);
    const kept = await statements();
    expect(kept).toMatchObject([
      { text: 'select ?', durationUs: 1_500, error: null, at: at + 2_000, line: 2 },
      { text: 'delete from t', durationUs: null, error: null, line: 4 },
    ]);
    const [began, ended] = await entries();
    expect(began).toMatchObject({
      kind: 'session.opened',
      login: 'curfew_collector',
      body: { database: 'orders', openedAt: at + 1_000 },
    });
    const sha256 = createHash('sha256').update(kept.map(statementLine).join('')).digest('hex');
    expect(ended).toMatchObject({
      kind: 'session.closed',
      body: { statements: 2, ended: 'seen', last: { from: 2, to: 4, count: 2, sha256 } },
    });
    expect(statementLine(kept[0] as never)).toBe(
      `{"at":${at + 2_000},"durationUs":1500,"error":null,"line":2,"parameters":null,"text":"${kept[0]?.textHash}","via":"statement","what":null}\n`,
    );
  });

  test('has no text and no name of a client in the log, only salted hashes of them', async () => {
    await keep(start, piece(session([opened, told('select canary', { parameters: '$1 = canary' }), closed]), 100));
    const all = JSON.stringify(await entries());
    expect(all).not.toContain('canary');
    expect(all).not.toContain('psql');
    const rows = await store.admin.query<{ text: string; salt: Buffer; hash: string }>(
      `select t.text, t.salt, coalesce(x.text_hash, s.application_hash) as hash from curfew.session s join curfew.session_text t on t.session = s.id
         left join curfew.session_statement x on x.session = t.session and x.line = t.line where s.request_id = $1`,
      [requestId],
    );
    expect(rows.map(({ text }) => text).toSorted()).toEqual(['psql', 'select canary']);
    for (const { text, salt, hash } of rows) expect(hashOf(salt, text)).toBe(hash);
  });

  test('whose connection is not in the log begins with its first statement', async () => {
    await keep(start, piece(session([{ kind: 'failed', error: '57014' }, told('select 1'), closed], '1.a', 5), 100));
    expect(await sessionsOf(store.as.curfew_auditor, [requestId])).toMatchObject([
      { openedAt: at + 6_000, statements: 1 },
    ]);
  });

  test('of a login that no request knows is kept as well, without a text that nobody could ever erase', async () => {
    const stranger = randomUUID() as RequestId;
    const lines = session([opened, told('select 1'), closed]).map((line) => ({ ...line, requestId: stranger }));
    await keep(start, piece(lines, 100));
    expect(await sessionsOf(store.as.curfew_auditor, [stranger])).toMatchObject([{ statements: 1 }]);
    expect(await statementsOf(store.as.curfew_auditor, stranger, 10)).toMatchObject([{ text: null, textHash: null }]);
    expect(await store.admin.query('select from curfew.session_text where person is null')).toEqual([]);
  });

  test('that is ended for its holder is over with the line that says so', async () => {
    const lines = session([opened, told('select 1'), { kind: 'failed', error: '57P01' }, closed]);
    await keep(
      start,
      piece(
        lines.map((line) => (line.line === 3 ? { ...line, ends: true } : line)),
        100,
      ),
    );
    expect(await statements()).toMatchObject([{ error: '57P01' }]);
    expect(await sessionsOf(store.as.curfew_auditor, [requestId])).toMatchObject([{ closedAt: at + 3_000 }]);
    expect(await entries()).toHaveLength(2);
  });
});

const isOpen = async () =>
  (await sessionsOf(store.as.curfew_auditor, [requestId])).map(({ closedAt, statements: count }) => [closedAt, count]);
const fixed = async () =>
  (await entries()).slice(1).map(({ kind, body }) => ({ kind, statements: body['statements'], last: body['last'] }));

describe('a session that was taken for over', () => {
  test('goes on where its log does: no statement is dropped, and both ends are fixed', async () => {
    const lines = session([opened, told('select 1'), closed, told('select 2'), took(7), told('select 3'), closed]);
    await keep(start, piece(lines.slice(0, 3), 1));
    await keep(placeAt(1), piece(lines.slice(3, 6), 2));
    expect(await isOpen()).toEqual([[null, 3]]);
    await keep(placeAt(2), piece(lines.slice(6), 3));
    expect(await isOpen()).toEqual([[at + 7_000, 3]]);
    expect((await statements()).map(({ text, durationUs }) => [text, durationUs])).toEqual([
      ['select 1', null],
      ['select 2', 7],
      ['select 3', null],
    ]);
    expect(await fixed()).toMatchObject([
      { kind: 'session.closed', statements: 1, last: { from: 2, to: 2, count: 1 } },
      { kind: 'session.closed', statements: 3, last: { from: 4, to: 6, count: 2 } },
    ]);
    // What an entry holds learns nothing any more.
    await keep(placeAt(3), piece(session([took(9), { kind: 'failed', error: '57014' }, closed], '1.a', 8), 4));
    expect(await statements()).toMatchObject([{ durationUs: null }, { durationUs: 7 }, { error: null }]);
    expect(await fixed()).toHaveLength(2);
  });

  test('in one piece with what comes after, is not', async () => {
    await keep(start, piece(session([opened, told('select 1'), closed, told('select 2')]), 1));
    expect(await isOpen()).toEqual([[null, 2]]);
  });

  test('because its grant was, goes on as well, and is over again', async () => {
    await keep(start, piece(session([opened, told('select 1')]), 100));
    await granted(at, at + 600_000);
    await settle(store.as.curfew_collector, node, placeAt(100), at + 700_000);
    await keep(placeAt(100), piece(session([told('select 2')], '1.a', 3), 200));
    expect(await isOpen()).toEqual([[null, 2]]);
    await settle(store.as.curfew_collector, node, placeAt(200), at + 800_000);
    expect(await isOpen()).toEqual([[at + 600_000, 2]]);
    expect(await fixed()).toMatchObject([
      { kind: 'session.closed', last: { from: 2, count: 1 } },
      { kind: 'session.closed', last: { from: 3, count: 1 } },
    ]);
  });
});

describe('a statement', () => {
  test('that fails is one, with its code', async () => {
    const failed = told('select * from no', { via: 'error', error: '42P01' });
    expect(await outcomeOf([told('select * from no'), failed, told('select 1')])).toMatchObject([
      { error: '42P01', via: 'statement' },
      { error: null },
    ]);
  });

  test('that only its failure tells of is one', async () => {
    expect(await outcomeOf([told('select 1'), told('selec', { via: 'error', error: '42601' })])).toMatchObject([
      { error: null },
      { error: '42601', via: 'error' },
    ]);
  });

  test('that the server and pgaudit tell of is one', async () => {
    const audit = told('select 1', { via: 'audit', what: 'READ SELECT' });
    expect(await outcomeOf([told('select 1'), audit, { kind: 'took', durationUs: 7 }])).toEqual([
      { text: 'select 1', via: 'statement', what: 'READ SELECT', durationUs: 7, error: null },
    ]);
  });

  test('that runs twice is two, told by the server, by pgaudit, or as failures', async () => {
    const audit = told('select 1', { via: 'audit', what: 'READ SELECT' });
    const failure = told('select no', { via: 'error', error: '42703' });
    expect(await outcomeOf([told('select 1'), told('select 1'), audit, audit, failure, failure])).toHaveLength(5);
  });

  test('does not take what parsing the next one took', async () => {
    expect(
      await outcomeOf([took(1), told('a'), took(2), took(3), took(4), told('b', { via: 'execute' }), took(5)]),
    ).toMatchObject([{ durationUs: 2 }, { durationUs: 5 }]);
  });

  test('learns in a later piece how it ended', async () => {
    const lines = session([
      opened,
      told('select 1'),
      told('select 1', { via: 'error', error: '57014' }),
      { kind: 'took', durationUs: 9 },
      closed,
    ]);
    const places = lines.map((_, index): LogPlace => ({ file: 'a.json', head, next: index + 1 }));
    for (const [index, line] of lines.entries()) await keep(places[index - 1] ?? start, piece([line], index + 1));
    expect(await statements()).toMatchObject([{ text: 'select 1', error: '57014', durationUs: null }]);
    const [, ended] = await entries();
    const sha256 = createHash('sha256')
      .update((await statements()).map(statementLine).join(''))
      .digest('hex');
    expect(ended).toMatchObject({ body: { last: { sha256 } } });
  });

  test('whose text is not kept is counted all the same', async () => {
    expect(
      await outcomeOf([
        told(null),
        told(null, { via: 'error', error: '42P01' }),
        told(null),
        { kind: 'took', durationUs: 3 },
      ]),
    ).toMatchObject([
      { text: null, error: '42P01' },
      { text: null, durationUs: 3 },
    ]);
  });
});

describe('reading on', () => {
  test('from a place from which somebody has read on already writes nothing', async () => {
    const first = piece(session([opened, told('select 1')]), 100);
    expect(await keep(start, first)).toBe(0);
    expect(await keep(start, first)).toBeUndefined();
    expect(await keep(placeAt(99), first)).toBeUndefined();
    expect(await statements()).toHaveLength(1);
    expect(await placeOf(store.as.curfew_collector, node)).toEqual({ file: 'a.json', head, next: 100 });
  });

  test('two at once are one', async () => {
    const found = piece(session([opened, told('select 1'), closed]), 100);
    const done = await Promise.all([keep(start, found), keep(start, found), keep(start, found)]);
    expect(done.filter((skipped) => skipped === 0)).toHaveLength(1);
    expect(await entries()).toHaveLength(2);
  });

  test('from the beginning, where the place is lost, doubles nothing', async () => {
    const lines = session([opened, told('select 1'), { kind: 'took', durationUs: 5 }, told('select 2')]);
    await keep(start, piece(lines, 100));
    await keep({ file: 'a.json', head, next: 100 }, piece(session([closed], '1.a', 5), 150));
    const before = JSON.stringify([await entries(), await statements()]);
    const rest = session([closed], '1.a', 5);
    expect(await keep({ file: 'a.json', head, next: 150 }, piece([...lines, ...rest], 180, { lost: true }))).toBe(0);
    expect(JSON.stringify([await entries(), await statements()])).toBe(before);
  });

  test('from the beginning, while the session goes on, doubles nothing either', async () => {
    const lines = session([opened, told('select 1'), took(5), told('select 2'), took(6), closed]);
    await keep(start, piece(lines.slice(0, 4), 100));
    await keep(placeAt(100), piece(lines, 180, { lost: true }));
    expect(await statements()).toMatchObject([
      { text: 'select 1', durationUs: 5 },
      { text: 'select 2', durationUs: 6 },
    ]);
    expect(await entries()).toHaveLength(2);
  });

  test('a standby’s log is its own from its first start on: what came with the copy of its primary is not', async () => {
    const copied = session([opened, told('select 1'), closed]);
    const own = session([opened, told('select 2'), closed], '2.b', 10);
    await keep(start, piece(copied, 1, { copiedUntil: at + 8_000 }));
    // It was started once more since, and its own sessions stay its own.
    await keep(placeAt(1), piece([...copied, ...own], 2, { copiedUntil: at + 3_600_000 }));
    expect((await statements()).map(({ text }) => text)).toEqual(['select 2']);
  });

  test('a line that the store does not take is left out, is said to be missing, and stops nobody', async () => {
    const wholeSince = async () => (await coverage(store.as.curfew_auditor)).map((row) => row.wholeSince);
    await keep(start, piece([], 1, { askedAt: at }));
    const bad = session([told('select 2', { error: 'not a code' })], '1.a', 3);
    const odd = session([opened, told('select 1')], '2.b', 1).map((line) => ({ ...line, database: 'a\0b' }));
    const rest = session([told('select 3'), closed], '1.a', 4);
    const lines = [...session([opened, told('select 1')]), ...bad, ...odd, ...rest];
    expect(await wholeSince()).toEqual([at]);
    expect(await keep(placeAt(1), piece(lines, 100))).toBe(3);
    expect((await statements()).map(({ text }) => text)).toEqual(['select 1', 'select 3']);
    expect(await placeOf(store.as.curfew_collector, node)).toEqual(placeAt(100));
    expect(await wholeSince()).toEqual([at + 3_600_000]);
    expect((await entries()).map(({ kind }) => kind)).toEqual(['session.opened', 'session.closed']);
  });

  test('a store that is not there, or takes nothing, leaves the place where it was', async () => {
    await store.admin.query('revoke insert on curfew.session_statement from curfew_collector');
    try {
      await expect(keep(start, piece(session([opened, told('select 1')]), 100))).rejects.toThrow('42501');
    } finally {
      await store.admin.query('grant insert on curfew.session_statement to curfew_collector');
    }
    expect(await placeOf(store.as.curfew_collector, node)).toEqual(start);
    expect(await entries()).toEqual([]);
  });

  test('a long session is fixed in batches, and each statement is in exactly one', async () => {
    const many = session([opened, ...Array.from({ length: 1_300 }, (_, n) => told(`select ${n}`))]);
    await keep(start, piece(many.slice(0, 700), 1));
    await keep({ file: 'a.json', head, next: 1 }, piece(many.slice(700), 2));
    await keep({ file: 'a.json', head, next: 2 }, piece(session([closed], '1.a', 1_302), 3));
    const [, one, two, end] = await entries();
    expect([one?.kind, two?.kind, end?.kind]).toEqual(['session.statements', 'session.statements', 'session.closed']);
    const kept = await statements();
    const batches = [one?.body, two?.body, end?.body['last']] as unknown as {
      from: number;
      to: number;
      count: number;
      sha256: string;
    }[];
    expect(batches.map(({ count }) => count)).toEqual([698, 601, 1]);
    for (const { from, to, sha256, count } of batches) {
      const part = kept.filter(({ line }) => line >= from && line <= to);
      expect(part).toHaveLength(count);
      expect(createHash('sha256').update(part.map(statementLine).join('')).digest('hex')).toBe(sha256);
    }
  });
});

const receipt = (nodes: unknown) =>
  store.admin.query(
    `insert into curfew.receipt (request_id, kind, body, made_at) values ($1, 'revoke', $2::jsonb, now())
     on conflict (request_id, kind) do update set body = excluded.body`,
    [requestId, JSON.stringify({ nodes })],
  );
const usage = async () => (await usesOf(store.as.curfew_auditor, [requestId])).map((use) => use.usage);

describe('settling', () => {
  const here = { file: 'a.json', head, next: 100 };

  test('closes what a server that crashed never closed, once its grant is over and its log was read beyond that', async () => {
    await keep(start, piece(session([opened, told('select 1')]), 100));
    await granted(at, at + 600_000);
    await settle(store.as.curfew_collector, node, here, at + 630_000);
    expect(await sessionsOf(store.as.curfew_auditor, [requestId])).toMatchObject([{ closedAt: null }]);
    await settle(store.as.curfew_collector, node, here, at + 700_000);
    expect(await sessionsOf(store.as.curfew_auditor, [requestId])).toMatchObject([
      { closedAt: at + 600_000, ended: 'unseen' },
    ]);
    expect((await entries()).at(-1)).toMatchObject({
      kind: 'session.closed',
      body: { ended: 'unseen', statements: 1, last: { count: 1 } },
    });
  });

  test('fixes what a session did long ago, but for its last statement', async () => {
    await keep(start, piece(session([opened, told('select 1'), told('select 2'), told('select 3')]), 100));
    await settle(store.as.curfew_collector, node, here, at + fixedAfterMs);
    expect(await entries()).toHaveLength(1);
    await settle(store.as.curfew_collector, node, here, at + fixedAfterMs + 60_000);
    await settle(store.as.curfew_collector, node, here, at + fixedAfterMs + 120_000);
    expect((await entries()).slice(1)).toMatchObject([
      { kind: 'session.statements', body: { count: 2, from: 2, to: 3 } },
    ]);
  });

  test('a grant without a session is unused only where nothing of the log is missing', async () => {
    await granted(at + 10_000, at + 20_000);
    expect(await usage()).toEqual(['not known']);
    await keep(start, piece([], 1, { askedAt: at }));
    expect(await usage()).toEqual(['not known']);
    await keep(placeAt(1), piece([], 2, { askedAt: at + 30_000, more: true }));
    expect(await usage()).toEqual(['not known']);
    await keep(placeAt(2), piece([], 3, { askedAt: at + 30_000 }));
    expect(await usage()).toEqual(['unused']);
    await keep(placeAt(3), piece([], 4, { askedAt: at + 40_000, lost: true }));
    expect(await usage()).toEqual(['not known']);
    await keep(placeAt(4), piece([], 5, { askedAt: at + 50_000, connections: false }));
    expect(await coverage(store.as.curfew_auditor)).toContainEqual(
      expect.objectContaining({ cluster: node.cluster, wholeSince: null, readTo: at + 50_000 }),
    );
    await keep(placeAt(5), piece(session([opened, closed]), 6));
    expect(await usage()).toEqual(['used']);
  });
});

describe('a grant without a session is not called unused', () => {
  test('where one node of its target never answered', async () => {
    await placeOf(store.as.curfew_collector, { ...node, node: 'standby' });
    await keep(start, piece([], 1, { askedAt: at }));
    await granted(at + 10_000, at + 20_000);
    await keep(placeAt(1), piece([], 2));
    expect(await usage()).toEqual(['not known']);
  });

  test('where it was over before the first backlog was read to its end', async () => {
    await keep(start, piece([], 1, { askedAt: at, more: true }));
    await granted(at + 10_000, at + 20_000);
    expect(await usage()).toEqual(['not known']);
    await keep(placeAt(1), piece([], 2));
    expect(await usage()).toEqual(['unused']);
  });

  test('where its revoke asked a node of which no collector is told', async () => {
    await keep(start, piece([], 1, { askedAt: at }));
    await granted(at + 10_000, at + 20_000);
    await keep(placeAt(1), piece([], 2));
    await receipt([{ node: 'primary' }]);
    expect(await usage()).toEqual(['unused']);
    await receipt([{ node: 'primary' }, { node: 'standby' }]);
    expect(await usage()).toEqual(['not known']);
    await receipt('none');
    expect(await usage()).toEqual(['unused']);
  });

  test('where a node was taken out while it was held; one that was taken out before does not count', async () => {
    const old = { ...node, node: 'old' };
    await placeOf(store.as.curfew_collector, old);
    await keep(start, piece([], 1, { askedAt: at }));
    await keep(placeAt(1), piece([], 2));
    await forgetOthers(store.as.curfew_collector, node.cluster, [node.node]);
    const goneAt = (when: number) =>
      store.admin.query(`update curfew.session_cursor set gone_at = $1 where node = 'old'`, [new Date(when)]);
    await granted(at + 10_000, at + 20_000);
    await goneAt(at + 15_000);
    expect(await usage()).toEqual(['not known']);
    await goneAt(at + 5_000);
    expect(await usage()).toEqual(['unused']);
    await placeOf(store.as.curfew_collector, old);
    expect(await usage()).toEqual(['not known']);
    await store.admin.query('update curfew.session_cursor set gone_at = $1', [new Date(at)]);
    expect(await usage()).toEqual(['not known']);
  });
});

const noted = async (now: number) =>
  (await noticesOf(store.as.curfew_admin, now)).flatMap(({ code, detail }) =>
    code === 'sessions-unread' && detail.includes(`${node.cluster}/primary`) ? [detail] : [],
  );

test('a log that is not read any more, or does not tell of every session, is a notice of the doctor', async () => {
  await keep(start, piece([], 1, { askedAt: at, more: true }));
  expect(await noted(at)).toEqual([expect.stringContaining('was never read to its end')]);
  await keep(placeAt(1), piece([], 2, { askedAt: at }));
  expect(await noted(at + 60_000)).toEqual([]);
  expect(await noted(at + 600_000)).toEqual([expect.stringContaining('was last read at 2026-11-21T10:00:00')]);
  await keep(placeAt(2), piece([], 3, { askedAt: at + 600_000, connections: false }));
  expect(await noted(at + 600_000)).toEqual([expect.stringContaining('does not tell of every session')]);
});

const erase = async () => {
  await store.admin.query(`update curfew.person set state = 'left' where id = $1`, [person]);
  await store.as.curfew_directory.query('select curfew.erase_person($1)', [person]);
  await store.as.curfew_directory.query(`select audit.append('person.erased', 'curfew_directory', $1, '{}')`, [person]);
};
const waitingAs = async (login: string): Promise<number> =>
  (await store.admin.query(`select from pg_stat_activity where usename = $1 and wait_event_type = 'Lock'`, [login]))
    .length;
const textsLeft = () => store.admin.query('select text from curfew.session_text where person = $1', [person]);

describe('erasing a person', () => {
  test('takes the texts and names, and leaves every hash', async () => {
    await keep(start, piece(session([opened, told('select canary'), closed]), 100));
    const before = await statements();
    await erase();
    expect(await statements()).toEqual(before.map((statement) => ({ ...statement, text: null })));
    expect(await textsLeft()).toEqual([]);
  });

  test('is not undone by what the log is read of later', async () => {
    await keep(start, piece(session([opened, told('select canary')]), 1));
    await erase();
    const more = session([opened, told('select canary', { parameters: '$1 = canary' }), closed], '2.b');
    await keep(placeAt(1), piece([...session([told('select canary'), closed], '1.a', 3), ...more], 2));
    expect(await textsLeft()).toEqual([]);
    expect((await statements()).map(({ textHash }) => textHash !== null)).toEqual([true, false, false]);
    expect(await sessionsOf(store.as.curfew_auditor, [requestId])).toHaveLength(2);
  });

  test('waits for what is being kept, and takes it too', async () => {
    await keep(start, piece(session([opened, told('select 1')]), 1));
    let erasing: Promise<unknown> = Promise.resolve();
    await store.as.curfew_collector.transaction(async (tx) => {
      await tx.query('select from curfew.holders(array[$1::uuid])', [requestId]);
      erasing = erase();
      await until(async () => (await waitingAs('curfew_directory')) > 0, 'the erasure waits', 10_000);
      await tx.query(
        `insert into curfew.session_text (session, line, person, text, salt)
         select id, 9, person, 'select canary', decode(repeat('00', 16), 'hex') from curfew.session where request_id = $1`,
        [requestId],
      );
    });
    await erasing;
    expect(await textsLeft()).toEqual([]);
  });

  test('is waited for by whoever keeps something meanwhile, and is known then', async () => {
    await store.admin.query(`update curfew.person set state = 'left' where id = $1`, [person]);
    let asking: Promise<unknown> = Promise.resolve();
    await store.as.curfew_directory.transaction(async (tx) => {
      await tx.query('select curfew.erase_person($1)', [person]);
      asking = store.as.curfew_collector.query('select known from curfew.holders(array[$1::uuid])', [requestId]);
      await until(async () => (await waitingAs('curfew_collector')) > 0, 'the collector waits', 10_000);
    });
    expect(await asking).toEqual([{ known: false }]);
  });
});

test('an off-boarding waits for nothing that is being kept of whoever leaves, and no change of groups does (I9)', async () => {
  const directory = store.as.curfew_directory;
  const { handle, version } = (await people.show(directory, person)) ?? expect.fail('nobody');
  const leaves = { handle, version: version + 1, state: 'left' } as const;
  await store.as.curfew_collector.transaction(async (tx) => {
    await tx.query('select from curfew.holders(array[$1::uuid])', [requestId]);
    await directory.transaction(async (other) => {
      await other.query(`set local lock_timeout = '500ms'`);
      await lockedGroupsOf(other, 'scim', { id: person, handle });
      await people.apply(other, leaves, 'curfew_directory');
    });
  });
  expect((await people.show(directory, person))?.state).toBe('left');
});

describe('the login curfew_collector', () => {
  test.each([
    ['read names', 'select * from curfew.personal'],
    ['read requests', 'select * from curfew.request'],
    ['write requests', "update curfew.request set target = 'x'"],
    ['read the log', 'select * from audit.entry'],
    ['change what was said', "update curfew.session_statement set text_hash = repeat('0', 64)"],
    ['say that it was another one’s', 'update curfew.session set request_id = gen_random_uuid()'],
    ['forget', 'delete from curfew.session_statement'],
    ['forget all', 'truncate curfew.session_text'],
    ['say who comes from a grant', "select audit.append('grant.made', 'x', 'y', '{}')"],
    ['raise an alarm', "insert into curfew.alarm (key, code, subject, detail) values ('a', 'b', 'c', 'd')"],
  ])('may not %s', async (_name, text) => {
    await expect(store.as.curfew_collector.query(text)).rejects.toThrow(/permission denied|may not append/);
  });
});
