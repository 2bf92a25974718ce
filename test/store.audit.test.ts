import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { auditKinds, logins, type AuditKind, type Login } from '../domain/events.ts';
import { append, bodyBytes, entriesAfter, entriesOf } from '../store/audit.ts';
import { openStore, type Store } from '../store/pool.ts';
import { oddEntry } from './support/entries.ts';
import { startStore, type TestStore } from './support/store.ts';

let store: TestStore;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store.end());

const may = (kind: AuditKind, login: Login): boolean => (auditKinds[kind] as readonly Login[]).includes(login);

test.each(logins)('%s appends its own kinds, under its own name, and no other kind', async (login) => {
  const subject = randomUUID();
  for (const kind of Object.keys(auditKinds) as AuditKind[]) {
    const appended = append(store.as[login], oddEntry({ kind, actor: 'curfew_admin', subject, body: {} }));
    if (may(kind, login)) await expect(appended, kind).resolves.toBeTypeOf('number');
    // The auditor may not even call the function.
    else
      await expect(appended, kind).rejects.toMatchObject({ sqlstate: login === 'curfew_auditor' ? '42501' : 'CFA01' });
  }
  const entries = await entriesOf(store.as.curfew_auditor, subject);
  expect(entries.map((entry) => entry.kind)).toEqual(
    Object.keys(auditKinds).filter((kind) => may(kind as AuditKind, login)),
  );
  expect(new Set(entries.map((entry) => entry.login)).size).toBe(entries.length === 0 ? 0 : 1);
  expect(entries.every((entry) => entry.login === login)).toBe(true);
});

test('an unknown kind is refused, also to a superuser, and to one who took on a role', async () => {
  const call = `select audit.append('made.up', 'a', 'b', '{}')`;
  await expect(store.as.curfew_api.query(call)).rejects.toMatchObject({ sqlstate: 'CFA01' });
  await expect(store.admin.query(call)).rejects.toMatchObject({ sqlstate: 'CFA01' });
  const disguised = store.admin.transaction(async (tx) => {
    await tx.query('set local role curfew_worker');
    await tx.query(`select audit.append('grant.made', 'a', 'b', '{}')`);
  });
  await expect(disguised).rejects.toMatchObject({ sqlstate: 'CFA01' });
});

/** A Store of a login that is made here and is a member of nothing but `roles`. */
async function operator(name: string, roles: string): Promise<Store> {
  const password = randomUUID();
  await store.admin.query(`create role ${name} login password '${password}' ${roles}`);
  const url = new URL(store.adminUrl);
  [url.username, url.password] = [name, password];
  return openStore({ url: url.href, applicationName: 'curfew-test', max: 1, statementTimeoutMs: 10_000 });
}

test.each([
  ['ada_ops', 'curfew_admin'],
  ['ben_hr', 'curfew_directory'],
] as const)('the own login %s of an operator writes what is %s’s, and its own name is stamped', async (name, of) => {
  await store.admin.query(`create role ${name}_team in role ${of}`);
  // NB. Nor does it gain a word of the processes' logins, whatever it was made a member of.
  const ada = await operator(name, `in role ${name}_team, curfew_api, curfew_worker, curfew_reaper`);
  try {
    const subject = randomUUID();
    for (const kind of Object.keys(auditKinds) as AuditKind[]) {
      const appended = append(ada, oddEntry({ kind, actor: name, subject, body: {} }));
      if (may(kind, of)) await expect(appended, kind).resolves.toBeTypeOf('number');
      else await expect(appended, kind).rejects.toMatchObject({ sqlstate: 'CFA01' });
    }
    expect(new Set((await entriesOf(store.admin, subject)).map(({ login }) => login))).toEqual(new Set([name]));
    await expect(ada.query('set role curfew_store')).rejects.toMatchObject({ sqlstate: '42501' });
  } finally {
    await ada.close();
  }
});

test('neither being a superuser nor being a service login makes an operator', async () => {
  const entry = oddEntry({ kind: 'target.checked', actor: 'x', subject: 'x', body: {} });
  await expect(append(store.admin, entry)).rejects.toMatchObject({ sqlstate: 'CFA01' });
  const stranger = await operator('stranger', '');
  try {
    await store.admin.query('grant curfew_admin to curfew_worker');
    await expect(append(store.as.curfew_worker, entry)).rejects.toMatchObject({ sqlstate: 'CFA01' });
    await expect(append(stranger, entry)).rejects.toMatchObject({ name: expect.any(String) });
  } finally {
    await store.admin.query('revoke curfew_admin from curfew_worker');
    await stranger.close();
  }
});

test('an entry is in its change’s transaction: a rollback takes it away, a commit keeps both (I11)', async () => {
  const subject = randomUUID();
  const entry = oddEntry({ kind: 'request.opened', actor: subject, subject, body: { n: 1 } });
  const failing = store.as.curfew_api.transaction(async (tx) => {
    await append(tx, entry);
    throw new Error('the change failed');
  });
  await expect(failing).rejects.toThrow('the change failed');
  expect(await entriesOf(store.as.curfew_auditor, subject)).toEqual([]);
  await store.as.curfew_api.transaction((tx) => append(tx, entry));
  expect(await entriesOf(store.as.curfew_auditor, subject)).toHaveLength(1);
});

test('a refused entry takes its change away (I11)', async () => {
  const before = await store.admin.query('select count(*) from curfew.heartbeat');
  const failing = store.as.curfew_worker.transaction(async (tx) => {
    await tx.query(`insert into curfew.heartbeat values ('x', now(), '{}')`);
    await append(tx, oddEntry({ kind: 'decision.made', actor: 'x', subject: 'x', body: {} }));
  });
  await expect(failing).rejects.toMatchObject({ sqlstate: 'CFA01' });
  expect(await store.admin.query('select count(*) from curfew.heartbeat')).toEqual(before);
});

test('a body is kept byte for byte in RFC 8785 form', async () => {
  const subject = randomUUID();
  const body = { z: 1, a: [true, null, 1e21, 0.1], '\u20ac': 'ö\n"\u2028', A: { c: 1, b: 2 } };
  await append(store.as.curfew_api, oddEntry({ kind: 'request.opened', actor: 'x', subject, body }));
  const [entry] = await entriesOf(store.as.curfew_admin, subject);
  expect(entry?.bytes.toString('utf8')).toBe('{"A":{"b":2,"c":1},"a":[true,null,1e+21,0.1],"z":1,"€":"ö\\n\\"\u2028"}');
  expect(entry?.body).toEqual(body);
  expect(() => bodyBytes({ bad: Number.NaN })).toThrow('NaN');
});

test('a body that is no JSON is refused by the database as well', async () => {
  for (const body of ['{', '', '\\xff']) {
    const call = `select audit.append('request.opened', 'a', 'b', $1)`;
    await expect(store.as.curfew_api.query(call, [Buffer.from(body, 'latin1')])).rejects.toMatchObject({
      name: 'StoreError',
    });
  }
  const invalid = store.as.curfew_api.query(`select audit.append('request.opened', 'a', 'b', '\\xff'::bytea)`);
  await expect(invalid).rejects.toMatchObject({ sqlstate: '22021' });
});

test.each([
  ['update', `update audit.entry set actor = 'x'`],
  ['delete', 'delete from audit.entry'],
  ['truncate', 'truncate audit.entry'],
  [
    'insert',
    `insert into audit.entry (at, login, kind, actor, subject, body) values (now(), 'curfew_api', 'k', 'a', 's', '{}')`,
  ],
  ['drop a trigger', 'drop trigger entry_kept on audit.entry'],
  ['disable a trigger', 'alter table audit.entry disable trigger all'],
  ['widen the kinds', `insert into audit.kind values ('grant.made', 'curfew_api')`],
  ['replace the function', 'drop function audit.append(text, text, text, bytea)'],
])('no login can %s', async (_, text) => {
  for (const login of logins) await expect(store.as[login].query(text)).rejects.toMatchObject({ sqlstate: '42501' });
});

test('not even the owner, nor a superuser who skips ordinary triggers, changes an entry', async () => {
  await append(store.as.curfew_api, oddEntry({ kind: 'request.opened', actor: 'x', subject: 'kept', body: {} }));
  for (const text of [
    `update audit.entry set actor = 'x'`,
    'delete from audit.entry',
    'truncate audit.entry cascade',
  ]) {
    const asReplica = store.admin.transaction(async (tx) => {
      await tx.query(`set local session_replication_role = 'replica'`);
      await tx.query(text);
    });
    await expect(asReplica).rejects.toMatchObject({ sqlstate: 'CFA02' });
    const asOwner = store.admin.transaction(async (tx) => {
      await tx.query('set local role curfew_store');
      await tx.query(text);
    });
    await expect(asOwner).rejects.toMatchObject({ sqlstate: 'CFA02' });
  }
});

test('objects of the caller never stand in for the function’s own', async () => {
  const shadowed = store.admin.transaction(async (tx) => {
    await tx.query('create temp table kind (kind text, login name)');
    await tx.query(`insert into pg_temp.kind values ('made.up', session_user)`);
    await tx.query('set local search_path = pg_temp, audit');
    await tx.query(`select audit.append('made.up', 'a', 'b', '{}')`);
  });
  await expect(shadowed).rejects.toMatchObject({ sqlstate: 'CFA01' });
});

test('entries are paged by id', async () => {
  const all = await entriesAfter(store.as.curfew_auditor, 0, 1_000);
  const [first, second] = all;
  if (!first || !second) throw new Error('too few entries');
  expect(await entriesAfter(store.as.curfew_auditor, first.id, 1)).toEqual([second]);
});
