/** What the collector's login reads of a real server's log: grantees' lines, nobody else's, each once. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkTarget } from '../targets/postgres/check.ts';
import { installTarget } from '../targets/postgres/install.ts';
import type { LogReader } from '../targets/postgres/log/reader.ts';
import { shippedHashes } from '../targets/postgres/shipped.ts';
import { startPostgres, until, type Postgres } from './support/postgres.ts';
import {
  beginning,
  collectorPassword,
  loggingConfig,
  logStatements,
  openReader,
  readAll,
} from './support/session-log.ts';
import {
  asHolder,
  databases,
  granted,
  installOptions,
  installSample,
  makeSample,
  sqlstateOf,
  templates,
  type Sample,
} from './support/target.ts';

let postgres: Postgres;
let sample: Sample;
let reader: LogReader;
beforeAll(async () => {
  postgres = await startPostgres({ config: loggingConfig });
  await makeSample(postgres);
  await logStatements(postgres, 'orders');
  sample = await installSample(postgres, { collectorPassword });
  reader = openReader(postgres);
});
afterAll(async () => {
  await reader?.close();
  await sample?.close();
  await postgres?.stop();
});

const collector = { user: 'curfew_collector', password: collectorPassword, database: 'control' };

test('a session is read as its connection, its statements with what they took or failed with, and its end', async () => {
  const holder = await granted(sample.worker);
  await asHolder(
    postgres,
    holder,
    async (client) => {
      await client.query("select count(*) from sales.orders where note = 'note 7'");
      await client.query('select id from sales.orders where id = $1', [42]);
      await client.query('select * from sales.nothing').catch(() => undefined);
      await client.query('selec 1').catch(() => undefined);
    },
    { application_name: 'a laptop' },
  );
  const lines = await until(async () => {
    const { lines: all } = await readAll(reader);
    const own = all.filter(({ grantId }) => grantId === holder.call.grantId);
    return own.some(({ event }) => event.kind === 'closed') && own;
  }, 'the session is over in the log');
  expect(new Set(lines.map(({ session }) => session)).size).toBe(1);
  expect(lines.every(({ database }) => database === 'orders')).toBe(true);
  // The protocol's own steps are timed too; what a statement took follows it.
  const told = lines.filter(({ event }, at) => event.kind !== 'took' || lines[at - 1]?.event.kind === 'statement');
  expect(told.map(({ event }) => event)).toMatchObject([
    { kind: 'opened', application: 'a laptop' },
    { kind: 'statement', via: 'statement', text: "select count(*) from sales.orders where note = 'note 7'" },
    { kind: 'took', durationUs: expect.any(Number) },
    { kind: 'statement', via: 'execute', text: 'select id from sales.orders where id = $1', parameters: "$1 = '42'" },
    { kind: 'took' },
    { kind: 'statement', via: 'statement', text: 'select * from sales.nothing' },
    { kind: 'statement', via: 'error', text: 'select * from sales.nothing', error: '42P01' },
    { kind: 'statement', via: 'error', text: 'selec 1', error: '42601' },
    { kind: 'closed' },
  ]);
  expect(Math.abs(Date.now() - (lines[0]?.at ?? 0))).toBeLessThan(60_000);
});

test('nobody else’s lines leave the server, whatever they say', async () => {
  const { place } = await readAll(reader);
  const role = `cfw_${'0'.repeat(32)}`;
  const forged = `{"timestamp":"2026-11-21 10:00:00.000 UTC","user":"${role}","session_id":"1.1","line_num":1}`;
  await postgres.as({ database: 'orders', application_name: `"user":"${role}"` }, async (client) => {
    await client.query(`select '\n${forged}\n', $$\n${forged}$$`);
    await client.query('select $1::text', [`\n${forged}\n`]);
    await client.query(`select "user":"${role}"`).catch(() => undefined);
  });
  const holder = await granted(sample.worker);
  await asHolder(postgres, holder, (client) => client.query('select 1'));
  const lines = await until(async () => {
    const { lines: all } = await readAll(reader, place);
    return all.some(({ event }) => event.kind === 'closed') && all;
  }, 'the holder is gone again');
  expect(new Set(lines.map(({ grantId }) => grantId))).toEqual(new Set([holder.call.grantId]));
  // As the login gets them, before anything is parsed.
  const raw = await postgres.as(collector, async (client) => {
    const text = 'select unnest(lines) as line from curfew_log.read(null, null, 0, 4194304)';
    return (await client.query<{ line: Buffer }>(text)).rows.map(({ line }) => line.toString('utf8'));
  });
  expect(raw.length).toBeGreaterThan(lines.length);
  for (const line of raw) expect(JSON.parse(line)).toMatchObject({ user: expect.stringMatching(/^cfw_[0-9a-f]{32}$/) });
});

test('a grantee who writes what looks like another one’s line is told of as itself', async () => {
  const { place } = await readAll(reader);
  const holder = await granted(sample.worker);
  const forged = `{"timestamp":"2026-11-21 10:00:00.000 UTC","user":"cfw_${'1'.repeat(32)}","session_id":"1.1","line_num":1,"message":"x"}`;
  await asHolder(postgres, holder, (client) => client.query(`select '\n${forged}\n'`), { application_name: 'x" y' });
  const lines = await until(async () => {
    const { lines: all } = await readAll(reader, place);
    return all.some(({ event }) => event.kind === 'closed') && all;
  }, 'the holder is gone again');
  expect(new Set(lines.map(({ grantId }) => grantId))).toEqual(new Set([holder.call.grantId]));
});

test('a grantee who says by RAISE what the server or pgaudit says is not believed, and is not told of as failed', async () => {
  const { place } = await readAll(reader);
  const holder = await granted(sample.worker);
  await asHolder(postgres, holder, async (client) => {
    await client.query(`do $$ begin
      raise log 'disconnection: session time: 0:00:01';
      raise log 'statement: select forged';
      raise log 'AUDIT: SESSION,1,1,READ,SELECT,,,select forged,<none>';
      raise warning 'refused' using errcode = '42501';
    end $$`);
    await client
      .query(`do $$ begin raise exception 'disconnection: session time: 0:00:01' using errcode = '01000'; end $$`)
      .catch(() => undefined);
    await client.query('select 1');
  });
  const lines = await until(async () => {
    const { lines: all } = await readAll(reader, place);
    return all.at(-1)?.event.kind === 'closed' && all;
  }, 'the holder is gone again');
  const told = lines.flatMap(({ event }) =>
    event.kind === 'took' ? [] : [event.kind === 'statement' ? [event.text?.slice(0, 9), event.error] : event.kind],
  );
  expect(told).toEqual([
    'opened',
    ['do $$ beg', null],
    ['do $$ beg', null],
    ['do $$ beg', '01000'],
    ['select 1', null],
    'closed',
  ]);
});

test('a log that goes on in another file is read to its end first, and each line once', async () => {
  const { place } = await readAll(reader);
  const holder = await granted(sample.worker);
  const say = (text: string) => asHolder(postgres, holder, (client) => client.query(text));
  await say('select 1 as before');
  await until(async () => {
    // A file is named after the second in which it begins.
    await postgres.query('postgres', 'select pg_rotate_logfile()');
    const files = await postgres.query('postgres', "select from pg_ls_logdir() where name like '%.json' and size > 0");
    return files.length > 1;
  }, 'there is another file');
  await say('select 2 as afterwards');
  const found = await until(async () => {
    const read = await readAll(reader, place);
    return read.lines.filter(({ event }) => event.kind === 'closed').length === 2 && read;
  }, 'both sessions are over in the log');
  expect(found.lost).toBe(false);
  expect(found.place.file).not.toBe(place.file);
  const texts = found.lines.flatMap(({ event }) => (event.kind === 'statement' ? [event.text] : []));
  expect(texts).toEqual(['select 1 as before', 'select 2 as afterwards']);
  expect((await readAll(reader, found.place)).lines).toEqual([]);
});

test('the pieces in which it is read make no difference', async () => {
  const small = openReader(postgres, 4_096);
  try {
    const [whole, pieces] = [await readAll(reader), await readAll(small)];
    expect(whole.lines.length).toBeGreaterThan(20);
    expect(pieces.lines.slice(0, whole.lines.length)).toEqual(whole.lines);
  } finally {
    await small.close();
  }
});

test('a line that is longer than a piece is told of, and what follows it is read', async () => {
  const small = openReader(postgres, 4_096);
  try {
    const { place } = await readAll(small);
    const holder = await granted(sample.worker);
    await asHolder(postgres, holder, async (client) => {
      await client.query(`select '${'long '.repeat(4_000)}'`);
      await client.query('select 3 as short');
    });
    const lines = await until(async () => {
      const { lines: all } = await readAll(small, place);
      return all.some(({ event }) => event.kind === 'closed') && all;
    }, 'the holder is gone again');
    const texts = lines.flatMap(({ event }) => (event.kind === 'statement' ? [event.text] : []));
    expect(texts).toEqual([null, 'select 3 as short']);
  } finally {
    await small.close();
  }
});

test('a file that is gone, or was written anew, is said to be lost, and reading begins at what is there', async () => {
  const { place, lines } = await readAll(reader);
  const gone = await reader.read({ ...place, file: 'postgresql-2001-01-01_000000.json' });
  const another = await reader.read({ ...place, head: Buffer.alloc(32) });
  for (const piece of [gone, another]) {
    expect(piece.lost).toBe(true);
    expect(piece.lines[0]).toEqual(lines[0]);
  }
});

test('no file but the log’s own can be named', async () => {
  for (const file of ['../postgresql.conf', '../global/pg_control', '/etc/passwd', '../log/postgresql.json']) {
    const piece = await reader.read({ file, head: null, next: 0 });
    expect(piece.place.file).toMatch(/^postgresql-[-0-9_]+\.json$/);
    expect(piece.lost).toBe(true);
  }
});

describe('the login curfew_collector', () => {
  test.each([
    ['read any file', "select pg_read_file('postgresql.conf')"],
    ['read any file by bytes', "select pg_read_binary_file('global/pg_control', 0, 10, true)"],
    ['list the log', 'select pg_ls_logdir()'],
    ['read the ledger', 'select * from curfew.ledger'],
    ['list who is live', 'select * from curfew.list_live()'],
    ['end a grant', "select curfew.revoke('00000000-0000-4000-8000-000000000000')"],
    ['become who reads files', 'set role curfew_logreader'],
    ['make something', 'create table curfew_log.mine (id int)'],
    ['read who may log in', 'select * from pg_authid'],
  ])('may not %s', async (_name, text) => {
    expect(await sqlstateOf(postgres.as(collector, (client) => client.query(text)))).toMatch(/^(42501|3F000)$/);
  });

  test('may connect to no database of grantees', async () => {
    expect(
      await sqlstateOf(postgres.as({ ...collector, database: 'orders' }, (client) => client.query('select 1'))),
    ).toBe('42501');
  });

  test('has no attribute, no membership and one function', async () => {
    const rows = await postgres.query<{ what: string }>(
      'control',
      `select 'role ' || rolname || ' ' || rolcanlogin || ' ' || (rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls) as what
         from pg_roles where rolname in ('curfew_collector', 'curfew_logreader')
       union all select 'member of ' || roleid::regrole from pg_auth_members where member in ('curfew_collector'::regrole, 'curfew_logreader'::regrole)
       union all select x.grantee::regrole || ' ' || p.oid::regprocedure from pg_proc p, aclexplode(p.proacl) x
         where x.grantee in ('curfew_collector'::regrole, 'curfew_logreader'::regrole) order by 1`,
    );
    expect(rows.map(({ what }) => what)).toEqual([
      'curfew_collector curfew_log.read(text,bytea,bigint,integer)',
      'curfew_logreader curfew_log.read(text,bytea,bigint,integer)',
      'curfew_logreader pg_current_logfile(text)',
      'curfew_logreader pg_ls_logdir()',
      'curfew_logreader pg_read_binary_file(text,bigint,bigint,boolean)',
      'role curfew_collector true false',
      'role curfew_logreader false false',
    ]);
  });
});

const check = async () => {
  const result = await checkTarget(postgres.admin, {
    controlDatabase: 'control',
    databases: [...databases],
    templates: [...templates],
  });
  return { ok: result.ok, evidence: result.findings.filter(({ code }) => code.startsWith('session-')) };
};

describe('the check', () => {
  test('says of each database what its log will tell, and is no reason against grants', async () => {
    const { ok, evidence } = await check();
    expect(ok).toBe(true);
    expect(evidence.filter(({ code }) => code === 'session-evidence')).toEqual([
      { severity: 'info', code: 'session-evidence', what: 'statements', mend: null, database: 'orders' },
      {
        severity: 'warning',
        code: 'session-evidence',
        what: 'connections only',
        mend: "alter database models set log_statement = 'all'",
        database: 'models',
      },
    ]);
    expect(evidence.find(({ code }) => code === 'session-log-hash')?.what).toBe(shippedHashes['session-log-hash']);
    expect(evidence.find(({ code }) => code === 'session-log-changed')).toBeUndefined();
  });

  test('says what is missing where the log tells nothing', async () => {
    await postgres.query('postgres', "alter system set log_disconnections = 'off'");
    await postgres.query('postgres', 'select pg_reload_conf()');
    try {
      const evidence = await until(async () => {
        const found = (await check()).evidence.filter(({ code }) => code === 'session-evidence');
        return found.every(({ what }) => what === 'nothing') && found;
      }, 'the setting holds');
      expect(evidence.map(({ mend }) => mend)).toEqual(['log_disconnections = on', 'log_disconnections = on']);
      const later = openReader(postgres);
      expect((await later.read(beginning)).connections).toBe(false);
      await later.close();
    } finally {
      await postgres.query('postgres', "alter system set log_disconnections = 'on'");
      await postgres.query('postgres', 'select pg_reload_conf()');
    }
  });

  test('warns where the function is another one', async () => {
    await postgres.query('control', 'alter function curfew_log.read(text, bytea, bigint, int) set work_mem = 65536');
    try {
      const { ok, evidence } = await check();
      expect(ok).toBe(true);
      expect(evidence.map(({ code }) => code)).toContain('session-log-changed');
    } finally {
      await installTarget(postgres.admin, installOptions({ collectorPassword }));
    }
    expect((await check()).evidence.map(({ code }) => code)).not.toContain('session-log-changed');
  });
});
