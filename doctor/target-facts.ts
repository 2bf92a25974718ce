/** What a cluster's catalogs and ledger say, as an administrator of it reads them: one look, in a few statements. */
import { escapeLiteral } from 'pg';
import type { TargetName } from '../domain/ids.ts';
import { script } from '../targets/postgres/sql.ts';

/** One text of SQL, which may be several statements; the last one's rows. */
export type Ask = <Row>(database: string, text: string) => Promise<readonly Row[]>;

/** How a cluster is reached: one text of SQL on one of its databases, of the primary or of another node. */
export type TargetAccess = {
  readonly cluster: string;
  readonly targets: readonly TargetName[];
  readonly controlDatabase: string;
  /** Those that grantees may connect to. */
  readonly databases: readonly string[];
  /** SECURITY DEFINER functions that somebody has reviewed, as for the target's check. */
  readonly reviewedFunctions?: readonly string[];
  readonly query: Ask;
  /** What findings call the node that `query` asks; `primary` where absent. */
  readonly node?: string;
  /** The other nodes: sessions live on standbys too. After a failover the primary is one of them. */
  readonly standbys?: readonly { readonly name: string; readonly query: Ask }[];
};

export type LedgerRow = {
  readonly grantId: string;
  readonly role: string;
  readonly roleOid: number | null;
  readonly person: string | null;
  readonly template: string | null;
  readonly endAt: number | null;
  /** Logins stop this long before the end. */
  readonly graceMs: number;
  readonly grantedAt: number | null;
  readonly state: 'active' | 'revoked' | 'dropped';
  readonly revokedAt: number | null;
};

/** A role whose name begins like a grant's, or that a ledger row names by oid. */
export type RoleFacts = {
  readonly name: string;
  readonly oid: number;
  readonly canLogin: boolean;
  /** Null: it never runs out. Infinities stay what they are. */
  readonly validUntilAt: number | null;
  readonly powers: readonly string[];
  readonly memberships: readonly string[];
  /** Others that are members of it, beyond those that made it and Curfew's own. */
  readonly members: readonly string[];
  /** Objects that it owns, in any database. */
  readonly owns: number;
};

export type SessionFacts = {
  readonly node: string;
  readonly pid: number;
  readonly role: string | null;
  readonly roleOid: number;
};

/** Would a password login be let in at this instant of the target's clock? */
export const letsIn = (role: RoleFacts, now: number): boolean =>
  role.canLogin && (role.validUntilAt === null || role.validUntilAt > now);

export type TargetFacts = {
  readonly cluster: string;
  readonly targets: readonly TargetName[];
  /** The cluster's own clock, epoch ms. */
  readonly now: number;
  readonly ledger: readonly LedgerRow[];
  readonly roles: readonly RoleFacts[];
  readonly sessions: readonly SessionFacts[];
  readonly templates: readonly { readonly role: string; readonly maxTtlMs: number; readonly enabled: boolean }[];
  /** What Curfew's own logins and its quarantine should not have: sentences. */
  readonly excess: readonly { readonly role: string; readonly what: string }[];
  /** Errors of the template lint, of templates with a live grant. */
  readonly lint: readonly { readonly database: string; readonly code: string; readonly what: string }[];
  /** How far it has seen the store: the id of an audit entry. */
  readonly storeMark: number;
  /** What the quarantine owns and others may use. */
  readonly shared: readonly { readonly database: string; readonly what: string }[];
};

const ms = (expression: string): string =>
  `case when ${expression} in ('infinity', '-infinity') then null else floor(extract(epoch from ${expression}) * 1000)::float8 end`;

/** Tombstones of what was dropped are left out unless their role is there again. */
const ledgerText = `select l.grant_id::text as "grantId", l.role::text as role, l.role_oid::int8::float8 as "roleOid", l.person::text as person,
    l.template::text as template, ${ms('l.until')} as "endAt", (extract(epoch from l.grace) * 1000)::float8 as "graceMs", ${ms('l.granted_at')} as "grantedAt", l.state, ${ms('l.revoked_at')} as "revokedAt"
  from curfew.ledger l
  where l.state <> 'dropped' or exists (select from pg_catalog.pg_roles p where p.rolname = l.role or p.oid = l.role_oid)`;

const rolesText = `select r.rolname::text as name, r.oid::int8::float8 as oid, r.rolcanlogin as "canLogin",
    case when r.rolvaliduntil = 'infinity' then null when r.rolvaliduntil = '-infinity' then 0 else ${ms('r.rolvaliduntil')} end as "validUntilAt",
    array_remove(array[case when r.rolsuper then 'SUPERUSER' end, case when r.rolcreaterole then 'CREATEROLE' end,
      case when r.rolcreatedb then 'CREATEDB' end, case when r.rolreplication then 'REPLICATION' end,
      case when r.rolbypassrls then 'BYPASSRLS' end], null) as powers,
    array(select g.rolname::text from pg_catalog.pg_auth_members m join pg_catalog.pg_roles g on g.oid = m.roleid
          where m.member = r.oid order by 1) as memberships,
    array(select distinct u.rolname::text from pg_catalog.pg_auth_members m join pg_catalog.pg_roles u on u.oid = m.member
          where m.roleid = r.oid and u.rolname not like 'curfew\\_%' and not u.rolsuper order by 1) as members,
    (select count(*)::int from pg_catalog.pg_shdepend s
      where s.refclassid = 'pg_catalog.pg_authid'::regclass and s.refobjid = r.oid and s.deptype = 'o') as owns
  from pg_catalog.pg_roles r where r.rolname ~ '^cfw_' or r.oid in (select l.role_oid from curfew.ledger l)`;

/** Grantees' sessions, and those of roles that are gone: a dropped role's session has an oid and no name (P4). */
const sessionsText = `select a.pid, p.rolname::text as role, a.usesysid::int8::float8 as "roleOid"
  from pg_catalog.pg_stat_activity a left join pg_catalog.pg_roles p on p.oid = a.usesysid
  where a.usesysid <> 0 and (p.oid is null or p.rolname ~ '^cfw_' or a.usesysid in (select l.role_oid from curfew.ledger l))`;

const templatesText = `select role::text as role, (extract(epoch from max_ttl) * 1000)::float8 as "maxTtlMs", enabled from curfew.template`;

/** What Curfew's own roles must not have (I14, I22): an attribute, a membership, a table, a function of the other side. */
const excessText = `
  select r.rolname::text as role, 'has an attribute that it must not have' as what from pg_catalog.pg_roles r
   where r.rolname in ('curfew_worker', 'curfew_reaper', 'curfew_quarantine')
     and (r.rolsuper or r.rolcreaterole or r.rolcreatedb or r.rolreplication or r.rolbypassrls
          or (r.rolname = 'curfew_quarantine' and r.rolcanlogin))
  union all select u.rolname::text, 'is a member of ' || g.rolname from pg_catalog.pg_auth_members m
    join pg_catalog.pg_roles u on u.oid = m.member join pg_catalog.pg_roles g on g.oid = m.roleid
   where u.rolname in ('curfew_worker', 'curfew_reaper', 'curfew_quarantine')
     and not (u.rolname = 'curfew_reaper' and g.rolname = 'pg_use_reserved_connections')
  union all select r.rolname::text, 'may use the table ' || c.relname from pg_catalog.pg_roles r, pg_catalog.pg_class c
   where r.rolname in ('curfew_worker', 'curfew_reaper') and c.relnamespace = 'curfew'::regnamespace and c.relkind in ('r', 'p')
     and has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
  union all select r.rolname::text, 'may call ' || p.proname from pg_catalog.pg_roles r, pg_catalog.pg_proc p
   where r.rolname in ('curfew_worker', 'curfew_reaper') and p.pronamespace = 'curfew'::regnamespace
     and has_function_privilege(r.oid, p.oid, 'EXECUTE')
     and (p.proname ~ '^(register|retire|accept)_' or (r.rolname = 'curfew_reaper' and p.proname in ('grant', 'extend')))`;

const sharedText = `select c.oid::regclass::text as what from pg_catalog.pg_class c, aclexplode(c.relacl) x
   where c.relowner = 'curfew_quarantine'::regrole and x.grantee <> c.relowner
  union all select p.oid::regprocedure::text from pg_catalog.pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x
   where p.proowner = 'curfew_quarantine'::regrole and x.grantee <> p.proowner
  union all select n.nspname::text from pg_catalog.pg_namespace n, aclexplode(n.nspacl) x
   where n.nspowner = 'curfew_quarantine'::regrole and x.grantee <> n.nspowner`;

/** Ledger, roles and clock in one statement, so of one instant: a revoke between two would look like a contradiction. */
const instantText = `select
  coalesce((select json_agg(t) from (${ledgerText}) t), '[]') as ledger,
  coalesce((select json_agg(t) from (${rolesText}) t), '[]') as roles,
  floor(extract(epoch from clock_timestamp()) * 1000)::float8 as now`;

/**
 * Reads a cluster. Sessions first: whoever had one then has a ledger row in what is read after it.
 * @throws the database's own error where something cannot be read: a look that is not whole proves nothing
 */
export async function readTarget(given: TargetAccess): Promise<TargetFacts> {
  const access = await primaryFirst(given);
  const control = <Row>(text: string): Promise<readonly Row[]> => access.query<Row>(access.controlDatabase, text);
  const sessions = await readSessions(access);
  const [instant] = await control<Pick<TargetFacts, 'ledger' | 'roles' | 'now'>>(instantText);
  if (!instant) throw new Error(`${access.cluster} answered without a row`);
  const templates = await control<TargetFacts['templates'][number]>(templatesText);
  const excess = await control<TargetFacts['excess'][number]>(excessText);
  const [seen] = await control<{ mark: number }>('select max(store_index)::float8 as mark from curfew.mark');
  const live = [
    ...new Set(
      instant.ledger.flatMap((row) => (row.state === 'active' && row.template !== null ? [row.template] : [])),
    ),
  ];
  const lint: { database: string; code: string; what: string }[] = [];
  const shared: { database: string; what: string }[] = [];
  for (const database of access.databases) {
    lint.push(...(await lintOf(access, database, live)));
    shared.push(
      ...(await access.query<{ what: string }>(database, sharedText)).map(({ what }) => ({ database, what })),
    );
  }
  const { cluster, targets } = access;
  return { cluster, targets, ...instant, sessions, templates, excess, lint, shared, storeMark: seen?.mark ?? 0 };
}

const isStandby = async ({ query }: Pick<TargetAccess, 'query'>, database: string): Promise<boolean> =>
  (await query<{ behind: boolean }>(database, 'select pg_is_in_recovery() as behind'))[0]?.behind ?? true;

/** What a standby says of ledger and roles was true some time ago: they are read where they are written. */
async function primaryFirst(access: TargetAccess): Promise<TargetAccess> {
  const { standbys = [], controlDatabase, cluster, query, node = 'primary' } = access;
  if (standbys.length === 0 || !(await isStandby(access, controlDatabase))) return access;
  for (const one of standbys) {
    if (await isStandby(one, controlDatabase)) continue;
    const others = standbys.filter(({ name }) => name !== one.name);
    return { ...access, node: one.name, query: one.query, standbys: [{ name: node, query }, ...others] };
  }
  throw new Error(`${cluster} has no node that is a primary`);
}

type SessionRow = Omit<SessionFacts, 'node'>;

async function readSessions(access: TargetAccess): Promise<readonly SessionFacts[]> {
  const found: SessionFacts[] = [];
  const { cluster, node: name = 'primary', query, standbys = [] } = access;
  for (const node of [{ name, query }, ...standbys]) {
    const rows = await node.query<SessionRow>(access.controlDatabase, sessionsText).catch((cause: unknown) => {
      const why = cause instanceof Error ? cause.message : 'no answer';
      throw new Error(`${cluster}/${node.name} cannot be read, and what is open there is not known: ${why}`, { cause });
    });
    found.push(...rows.map((row) => ({ node: node.name, ...row })));
  }
  return found;
}

const setting = (name: string, value: string): string => `select set_config('${name}', ${escapeLiteral(value)}, false)`;

async function lintOf(
  access: TargetAccess,
  database: string,
  templates: readonly string[],
): Promise<TargetFacts['lint']> {
  if (templates.length === 0) return [];
  // One text on one connection: the settings are what the lint reads. The last statement's rows are the answer.
  const text = [
    setting('curfew.templates', templates.join(',')),
    setting('curfew.reviewed_functions', (access.reviewedFunctions ?? []).join(';')),
    script('lint'),
  ].join(';\n');
  const rows = await access.query<{ severity: string; code: string; what: string }>(database, text);
  return rows.filter((row) => row.severity === 'error').map(({ code, what }) => ({ database, code, what }));
}
