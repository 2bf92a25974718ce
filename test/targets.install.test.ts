import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { checkTarget, type CheckOptions, type CheckResult } from '../targets/postgres/check.ts';
import { endGrants } from '../targets/postgres/end.ts';
import { installTarget } from '../targets/postgres/install.ts';
import { shippedHashes } from '../targets/postgres/shipped.ts';
import { uninstallTarget } from '../targets/postgres/uninstall.ts';
import { startPostgres, testedMajor, type Postgres } from './support/postgres.ts';
import { collectorPassword } from './support/session-log.ts';
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
beforeAll(async () => {
  postgres = await startPostgres();
  await makeSample(postgres);
});
afterAll(async () => {
  await postgres?.stop();
});

const checked = { controlDatabase: 'control', databases, templates } as const;
const check = (more: Partial<CheckOptions> = {}): Promise<CheckResult> =>
  checkTarget(postgres.admin, { ...checked, ...more });
const errorsOf = (result: CheckResult): string[] =>
  result.findings.filter((finding) => finding.severity === 'error').map((finding) => finding.code);
const warningsNow = async () =>
  (await check()).findings.filter(({ severity }) => severity === 'warning').map(({ code, what }) => [code, what]);
const uninstall = () => uninstallTarget(postgres.admin, { controlDatabase: 'control', databases });
/** Ends and drops whatever is live, past the graveyard, so that Curfew can be taken away. */
async function sweep(sample: Sample): Promise<void> {
  const ids = (await sample.worker.listLive()).map((row) => row.grantId ?? '');
  await endGrants(sample.worker, ids, { deadlineAt: Date.now() + 5_000 });
  await postgres.query('control', "update curfew.ledger set disabled_at = disabled_at - interval '1 hour'");
  for (const row of await sample.worker.dropMany(ids)) expect(row.outcome).toBe('dropped');
  await sample.close();
}

describe.each(['createrole', 'superuser'] as const)('an installation in %s mode', (mode) => {
  test('by a superuser passes its check, may be repeated, grants and ends, and is taken away without a trace', async () => {
    const before = await everything();
    const sample = await installSample(postgres, { mode, collectorPassword, loginTrigger: Number(testedMajor) >= 17 });
    expect(await installTarget(postgres.admin, installOptions({ mode, collectorPassword }))).toEqual([]);
    const result = await check();
    expect(errorsOf(result)).toEqual([]);
    expect(result).toMatchObject({ ok: true, timeline: 1, functionsHash: shippedHashes['functions-hash'] });
    expect(result.findings).toContainEqual(expect.objectContaining({ code: 'owner-mode', what: mode }));
    expect(result.preview).toContainEqual({
      template: 'orders_write',
      database: 'orders',
      relation: 'sales.orders',
      kind: 'table',
      privileges: ['INSERT', 'SELECT', 'UPDATE'],
    });
    expect(result.preview.some((reach) => reach.relation === 'sales.hidden')).toBe(false);

    const holder = await granted(sample.worker);
    expect(await asHolder(postgres, holder, async (client) => (await client.query('select 1 as one')).rows)).toEqual([
      { one: 1 },
    ]);
    expect(await uninstall()).toMatchObject({ kind: 'refused', why: expect.stringContaining('1 grants are live') });
    await endGrants(sample.worker, [holder.call.grantId], { deadlineAt: Date.now() + 5_000 });
    expect(await uninstall()).toMatchObject({ kind: 'refused', why: expect.stringContaining('graveyard') });
    await sweep(sample);
    expect(await uninstall()).toEqual({ kind: 'uninstalled', kept: [] });
    expect(await everything()).toEqual(before);
    expect(await uninstall()).toMatchObject({ kind: 'refused', why: expect.stringContaining('not installed') });
  });
});

/** Every role, schema, function and right in the databases, to see that nothing stays. */
const everything = async (): Promise<unknown> => {
  const text = `select 'role ' || rolname as line from pg_roles union all select 'schema ' || nspname || coalesce(nspacl::text, '') from pg_namespace where nspname !~ '^pg_(toast_)?temp'
    union all select 'function ' || oid::regprocedure from pg_proc where pronamespace::regnamespace::text <> 'pg_catalog' union all select 'trigger ' || evtname from pg_event_trigger
    union all select 'member ' || member::regrole || roleid::regrole from pg_auth_members union all select 'default ' || defaclrole::regrole from pg_default_acl order by 1`;
  return Promise.all(['control', ...databases].map((database) => postgres.query(database, text)));
};

test('a managed server’s administrator, who is no superuser, installs, checks, grants and ends', async () => {
  const password = randomBytes(18).toString('hex');
  await postgres.query(
    'postgres',
    `create role cloud_admin login createrole password '${password}';
     grant pg_signal_backend to cloud_admin with admin option; grant orders_read, orders_write to cloud_admin with admin option;
     alter database control owner to cloud_admin; alter database orders owner to cloud_admin; alter database models owner to cloud_admin`,
  );
  const admin = { ...postgres.admin, user: 'cloud_admin', password };
  const sample = await installSample(postgres, {}, admin);
  const notes = await installTarget(admin, installOptions({ collectorPassword }));
  expect(notes).toEqual([
    expect.stringContaining('may not switch off statement logging'),
    expect.stringContaining('there will be no session evidence'),
  ]);
  expect(await postgres.query('control', "select from pg_roles where rolname = 'curfew_collector'")).toEqual([]);
  const blind = await checkTarget(admin, checked);
  expect(blind.findings).toContainEqual(
    expect.objectContaining({ code: 'session-evidence', severity: 'info', what: expect.stringContaining('nothing') }),
  );
  expect(errorsOf(blind)).toEqual(['hba-unseen']);
  expect(blind.ok).toBe(false);
  const attestations = [
    { code: 'hba-unseen' as const, by: 'olga', says: 'the provider admits scram-sha-256 over TLS only' },
  ];
  const seen = await checkTarget(admin, { ...checked, attestations });
  expect(seen).toMatchObject({ ok: true, attestations });
  expect(seen.findings).toContainEqual(expect.objectContaining({ code: 'hba-unseen', severity: 'attested' }));
  const holder = await granted(sample.worker);
  await asHolder(postgres, holder, (client) => client.query('select * from sales.orders'));
  expect(await endGrants(sample.worker, [holder.call.grantId], { deadlineAt: Date.now() + 5_000 })).toMatchObject([
    { ended: true },
  ]);
  await sweep(sample);
  expect(await uninstallTarget(admin, { controlDatabase: 'control', databases })).toEqual({
    kind: 'uninstalled',
    kept: [],
  });
  for (const database of ['control', ...databases])
    await postgres.query('postgres', `alter database ${database} owner to postgres`);
  await postgres.query('postgres', 'drop owned by cloud_admin cascade; drop role cloud_admin');
});

test('a template of one target may not enter the databases of another, and what it was given before is taken back (I14)', async () => {
  const mayConnect = (): Promise<Record<string, unknown>[]> =>
    postgres.query(
      'postgres',
      `select r.rolname as role, array_agg(d.datname::text order by d.datname) as databases
         from pg_roles r, pg_database d where r.rolname = any ($1) and d.datallowconn and has_database_privilege(r.oid, d.oid, 'connect')
        group by r.rolname order by r.rolname`,
      [['curfew_worker', 'orders_read', 'orders_write']],
    );
  await installTarget(postgres.admin, installOptions());
  expect(await mayConnect()).toMatchObject([
    {},
    { databases: ['models', 'orders'] },
    { databases: ['models', 'orders'] },
  ]);
  const maxMs = 3_600_000;
  await installTarget(
    postgres.admin,
    installOptions({
      templates: [
        { role: 'orders_read', maxMs, databases: ['orders'] },
        { role: 'orders_write', maxMs },
      ],
    }),
  );
  expect(await mayConnect()).toEqual([
    { role: 'curfew_worker', databases: ['control', 'models', 'orders'] },
    { role: 'orders_read', databases: ['orders'] },
    { role: 'orders_write', databases: ['models', 'orders'] },
  ]);
  await uninstall();
});

test('the mode cannot be left for createrole while logins of the superuser’s making exist', async () => {
  const sample = await installSample(postgres, { mode: 'superuser' });
  await granted(sample.worker);
  await expect(installTarget(postgres.admin, installOptions({ mode: 'createrole' }))).rejects.toThrow(
    'before leaving that mode',
  );
  await sweep(sample);
  await installTarget(postgres.admin, installOptions({ mode: 'createrole' }));
  await uninstall();
});

test.each([
  ['no database', { databases: [] }],
  ['a name that is too long', { databases: ['x'.repeat(64)] }],
  ['a maximum beyond 31 days', { templates: [{ role: 'orders_read', maxMs: 31 * 86_400_000 }] }],
  ['a negative maximum', { templates: [{ role: 'orders_read', maxMs: -1 }] }],
  ['a short ticket key', { ticketKeys: [{ keyId: 'k', key: randomBytes(31) }] }],
  ['a key id that is a trick', { ticketKeys: [{ keyId: "k'", key: randomBytes(32) }] }],
  ['a weak password', { workerPassword: 'short' }],
])('%s is refused before anything is connected to', async (_, options) => {
  await expect(installTarget({ ...postgres.admin, port: 1 }, installOptions(options))).rejects.toThrow(
    /invalid|too|at least|small|big|16 to 200|63 bytes/i,
  );
});

describe('on an installed target', () => {
  let sample: Sample;
  beforeAll(async () => {
    sample = await installSample(postgres);
  });
  afterAll(async () => {
    await sweep(sample);
    await uninstall();
  });
  /** What a test breaks is mended here, whatever became of it. */
  const mends: (readonly [string, string])[] = [];
  afterEach(async () => {
    for (const [database, text] of mends.splice(0)) await postgres.query(database, text);
    expect(errorsOf(await check())).toEqual([]);
  });
  const breakIt = async (database: string, text: string, mend: string): Promise<void> => {
    mends.push([database, mend]);
    await postgres.query(database, text);
  };

  test.each([
    [
      'public-connect',
      'postgres',
      'grant connect on database orders to public',
      'revoke connect on database orders from public',
    ],
    [
      'public-temporary',
      'postgres',
      'grant temporary on database models to public',
      'revoke temporary on database models from public',
    ],
    ['public-create', 'orders', 'grant create on schema sales to public', 'revoke create on schema sales from public'],
    [
      'connect',
      'postgres',
      'revoke connect on database models from curfew_worker',
      'grant connect on database models to curfew_worker',
    ],
    ['owner-attributes', 'postgres', 'alter role curfew_owner createdb', 'alter role curfew_owner nocreatedb'],
    [
      'owner-signal',
      'postgres',
      'revoke pg_signal_backend from curfew_owner',
      'grant pg_signal_backend to curfew_owner',
    ],
    ['role-attributes', 'postgres', 'alter role curfew_worker bypassrls', 'alter role curfew_worker nobypassrls'],
    ['role-membership', 'postgres', 'grant orders_read to curfew_worker', 'revoke orders_read from curfew_worker'],
    [
      'table-grants',
      'control',
      'grant select on curfew.ticket_key to curfew_reaper',
      'revoke select on curfew.ticket_key from curfew_reaper',
    ],
    [
      'schema-grants',
      'control',
      'grant usage on schema curfew to orders_read',
      'revoke usage on schema curfew from orders_read',
    ],
    [
      'functions-changed',
      'control',
      'grant execute on function curfew.hmac(bytea, bytea, bytea) to curfew_worker',
      'revoke execute on function curfew.hmac(bytea, bytea, bytea) from curfew_worker',
    ],
    [
      'functions-changed',
      'control',
      'alter function curfew.revoke(uuid) reset search_path',
      'alter function curfew.revoke(uuid) set search_path = pg_catalog, pg_temp',
    ],
    [
      'role-grants',
      'control',
      'grant execute on function curfew.whoami() to public',
      'revoke execute on function curfew.whoami() from public',
    ],
    [
      'table-trigger',
      'control',
      'create trigger quiet before update on curfew.ledger for each row execute function suppress_redundant_updates_trigger()',
      'drop trigger quiet on curfew.ledger',
    ],
    [
      'template-admin',
      'postgres',
      'grant orders_read to curfew_owner with set true',
      'grant orders_read to curfew_owner with set false',
    ],
    [
      'graveyard',
      'control',
      "update curfew.config set graveyard = '1 minute'",
      "update curfew.config set graveyard = '40 minutes'",
    ],
    ['template-predefined-role', 'postgres', 'grant pg_monitor to orders_read', 'revoke pg_monitor from orders_read'],
    ['template-attribute', 'postgres', 'alter role orders_write login', 'alter role orders_write nologin'],
    [
      'template-admin-option',
      'postgres',
      'grant orders_write to orders_read with admin option',
      'revoke orders_write from orders_read',
    ],
    [
      'template-grant-option',
      'orders',
      'grant select on sales.hidden to orders_read with grant option',
      'revoke all on sales.hidden from orders_read',
    ],
    [
      'template-can-make',
      'orders',
      'grant create on schema sales to orders_read',
      'revoke create on schema sales from orders_read',
    ],
    [
      'template-owns',
      'models',
      'create table public.owned (); alter table public.owned owner to orders_read',
      'drop table public.owned',
    ],
    [
      'template-parameter',
      'orders',
      'grant set on parameter log_statement to orders_read',
      'revoke set on parameter log_statement from orders_read',
    ],
    [
      'secdef-callable',
      'orders',
      "create function sales.door() returns int language sql security definer as 'select 1'",
      'drop function sales.door()',
    ],
  ])('the check finds %s in %s: %s', async (code, database, break_, mend) => {
    await breakIt(database, break_, mend);
    const result = await check({ attestations: [{ code: 'hba-unseen', by: 'olga', says: 'never mind' }] });
    expect(errorsOf(result)).toContain(code);
    expect(result.ok).toBe(false);
    for (const finding of result.findings) if (finding.severity === 'error') expect(finding.mend).toBeTruthy();
  });

  test('the check finds a template that is not there, a clock that is off, and a database without Curfew', async () => {
    expect(errorsOf(await check({ templates: ['nobody'] }))).toEqual(['template-missing']);
    expect(errorsOf(await check({ clock: () => Date.now() + 30_000 }))).toEqual(['clock-skew']);
    expect(errorsOf(await check({ databases: ['postgres'] }))).toContain('not-installed');
    expect(errorsOf(await check({ controlDatabase: 'orders' }))).toEqual(
      expect.arrayContaining(['not-installed', 'identity']),
    );
  });

  test('the check asks for connections that are reserved for the reaper (F32)', async () => {
    expect(await warningsNow()).toContainEqual(['reserved-connections', '0']);
    expect(
      await postgres.query(
        'postgres',
        "select pg_has_role('curfew_reaper', 'pg_use_reserved_connections', 'usage') as has",
      ),
    ).toEqual([{ has: true }]);
  });

  test('a reviewed SECURITY DEFINER function is let through', async () => {
    await breakIt(
      'orders',
      "create function sales.door() returns int language sql security definer as 'select 1'",
      'drop function sales.door()',
    );
    expect(errorsOf(await check({ reviewedFunctions: ['sales.door()'] }))).toEqual([]);
  });

  test.each([
    'pg_read_all_data',
    'curfew_quarantine',
    'postgres',
    'no_such_role',
    `orders_read${'x'.repeat(60)}`,
    'x"; drop role orders_read; --',
  ])('no template is made of %s (CF004)', async (role) => {
    expect(await sqlstateOf(postgres.query('control', "select curfew.register_template($1, '1 hour')", [role]))).toBe(
      'CF004',
    );
  });

  test('no template is made of a role that is a member of a forbidden one, however far up (CF004)', async () => {
    await breakIt(
      'control',
      'create role middle nologin; create role lower nologin; grant pg_read_all_data to middle; grant middle to lower',
      'drop role lower; drop role middle',
    );
    expect(await sqlstateOf(postgres.query('control', "select curfew.register_template('lower', '1 hour')"))).toBe(
      'CF004',
    );
  });

  test('a name that is cut to 63 bytes is not taken for the role that has them', async () => {
    const name = 'o'.repeat(63);
    await breakIt('control', `create role ${name} nologin`, `drop role ${name}`);
    expect(
      await sqlstateOf(postgres.query('control', "select curfew.register_template($1, '1 hour')", [`${name}o`])),
    ).toBe('CF004');
  });

  test('a grant may be as long as the policy’s maximum, and five seconds for the clocks, and no longer', async () => {
    await granted(sample.worker, { endAt: Date.now() + 8 * 3_600_000 + 3_000 });
    const tooLong = granted(sample.worker, { endAt: Date.now() + 8 * 3_600_000 + 15_000 });
    expect(await sqlstateOf(tooLong)).toBe('CF005');
  });

  test('a retired template grants no more, and what is live is still ended', async () => {
    const holder = await granted(sample.worker);
    await postgres.query('control', "select curfew.retire_template('orders_read')");
    expect(await sqlstateOf(granted(sample.worker))).toBe('CF004');
    expect(await endGrants(sample.worker, [holder.call.grantId], { deadlineAt: Date.now() + 5_000 })).toMatchObject([
      { ended: true },
    ]);
    await installTarget(postgres.admin, installOptions());
    await granted(sample.worker);
  });
});

/** The file is read anew by the view, so a running server's is judged without a restart. */
async function hbaErrors(hba: string, attestations: NonNullable<CheckOptions['attestations']>): Promise<string[]> {
  const [file] = await postgres.query<{ hba_file: string }>('postgres', 'show hba_file');
  const [kept] = await postgres.query<{ text: string }>('postgres', 'select pg_read_file($1) as text', [
    file?.hba_file,
  ]);
  const write = (text: string): Promise<unknown> =>
    postgres.as({}, (client) =>
      client.query(
        `copy (select unnest(string_to_array('${text.trimEnd()}', E'\\n'))) to program 'cat > ${file?.hba_file}'`,
      ),
    );
  await write(hba);
  try {
    return errorsOf(await check({ attestations })).filter((code) => code.startsWith('hba'));
  } finally {
    await write(kept?.text ?? '');
  }
}

describe('what pg_hba.conf says', () => {
  test.each([
    ['host all all 127.0.0.1/32 trust\n', ['hba']],
    ['host all all 127.0.0.1/32 md5\n', ['hba']],
    ['host all /^cfw 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n', ['hba']],
    ['host all all 127.0.0.1/32 scram-sha-256\nhost all all 10.0.0.0/8 scram-sha-256\n', ['hba-no-tls']],
    ['host all all 127.0.0.1/32 scram-sha-256\nhost all all all scram-sha-256\n', ['hba-no-tls']],
    [
      'host all "/^cfw_" all reject\nhost all postgres 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n',
      [],
    ],
    ['host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n', []],
    ['hostnossl all all all reject\nhost all all all scram-sha-256\n', []],
    [
      'host all all 127.0.0.1/32 scram-sha-256\nhost all all all scram-sha-256\nhostnossl all all all reject\n',
      ['hba-no-tls'],
    ],
    ['host all all samehost scram-sha-256\n', []],
    ['nonsense\nhost all all 127.0.0.1/32 scram-sha-256\n', ['hba']],
  ])('%j gives %j, and no attestation answers it', async (hba, codes) => {
    const attestations = ['hba-unseen', 'hba', 'hba-no-tls'].map((code) => ({
      code: code as 'hba-unseen',
      by: 'olga',
      says: 'it is fine',
    }));
    expect(await hbaErrors(hba, attestations)).toEqual(codes);
  });
});
