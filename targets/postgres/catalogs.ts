import { openPool, type NodePool } from './connection.ts';
import type { TargetSettings } from './accessor.ts';
import { script } from './sql.ts';

/**
 * What the worker's login can read in the system catalogs by itself, which everybody may: no function of Curfew's is
 * called, and nothing is changed. Of the first node that answers.
 */
export type Catalogs = {
  /** Roles of grants that another role is a member of; Curfew's own and superusers are not meant. */
  sharedRoles(): Promise<readonly string[]>;
  /** Errors of the lint of these templates in one database. */
  lint(database: string, templates: readonly string[]): Promise<readonly LintError[]>;
  close(): Promise<void>;
};

export type LintError = { readonly template: string; readonly code: string };

const sharedText = `select distinct r.rolname::text as role
  from pg_catalog.pg_auth_members m join pg_catalog.pg_roles r on r.oid = m.roleid join pg_catalog.pg_roles u on u.oid = m.member
  where r.rolname ~ '^cfw_' and u.rolname !~ '^curfew_' and not u.rolsuper order by 1 limit 1000`;

/**
 * The shipped lint, with its setting as a parameter. A SECURITY DEFINER function that somebody has reviewed is known to
 * the operator's check alone, so what it says of functions is left out here: `curfew doctor --reviewed` looks at them.
 */
const lintText = (): string =>
  `select code, what from (${script('lint')
    .replaceAll("current_setting('curfew.templates', true)", '$1::text')
    .replaceAll("current_setting('curfew.reviewed_functions', true)", "''::text")
    .replace(/;\s*$/, '')}) l where severity = 'error' and code <> 'secdef-callable'`;

/** Opens no connection yet. @throws TargetError by its calls */
export function openCatalogs(settings: TargetSettings): Catalogs {
  const pools = new Map<string, NodePool>();
  const poolOf = (database: string): NodePool => {
    const [node] = settings.nodes;
    const pool =
      pools.get(database) ?? openPool({ ...settings, target: settings.name, node, database, maxConnections: 1 });
    pools.set(database, pool);
    return pool;
  };
  return {
    sharedRoles: async () => {
      const pool = poolOf(settings.controlDatabase);
      const rows = await pool.run<{ role: string }>({ call: 'shared_roles', text: sharedText, values: [] });
      return rows.map(({ role }) => role);
    },
    lint: async (database, templates) => {
      if (templates.length === 0) return [];
      const statement = { call: 'lint', text: lintText(), values: [templates.join(',')] };
      const rows = await poolOf(database).run<{ code: string; what: string }>(statement);
      return rows.map(({ code, what }) => ({ code, template: templateOf(what, templates) }));
    },
    close: async () => {
      await Promise.all([...pools.values()].map((pool) => pool.end()));
    },
  };
}

/** The lint's sentences begin with the template that they are about. */
const templateOf = (what: string, templates: readonly string[]): string =>
  templates.find(
    (template) => what === template || what.startsWith(`${template} `) || what.startsWith(`${template}:`),
  ) ?? 'one of them';
