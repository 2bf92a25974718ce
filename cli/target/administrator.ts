import type { Administrator } from '../../targets/postgres/administrator.ts';
import type { Cluster } from '../../config/targets.ts';
import { isLoopback, tlsOptions, type Node } from '../../targets/postgres/nodes.ts';
import { settings } from '../settings.ts';
import { exitCodes, Stopped, type Terminal } from '../terminal.ts';

export type Operator = { readonly admin: Administrator; readonly controlDatabase: string };

/**
 * The operator's own login on a target, out of CURFEW_TARGET_ADMIN_URL; its database is the control database. TLS as
 * everywhere: none on loopback, verified elsewhere, unless `sslmode=disable` says that the operator vouches for the line.
 */
export function operatorOf(terminal: Terminal): Operator {
  const url = new URL(settings(terminal, 'targetAdminUrl').targetAdminUrl);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const plain = url.searchParams.get('sslmode') === 'disable' || isLoopback(host);
  const ca = url.searchParams.get('sslrootcert');
  return {
    admin: {
      host,
      port: url.port === '' ? 5_432 : Number(url.port),
      user: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
      ssl: plain ? false : { rejectUnauthorized: true, ...(ca === null ? {} : { ca: caOf(terminal, ca) }) },
    },
    controlDatabase: decodeURIComponent(url.pathname.slice(1)),
  };
}

function caOf(terminal: Terminal, path: string): string {
  try {
    return terminal.readText(path);
  } catch {
    throw new Stopped('The sslrootcert of CURFEW_TARGET_ADMIN_URL names a file that cannot be read.', exitCodes.usage);
  }
}

/** A cluster of CURFEW_TARGETS, where that names an administrator's login. */
export const administratorOf = ({ user, password }: Cluster, node: Node): Administrator => ({
  host: node.host,
  port: node.port,
  user,
  password,
  ssl: tlsOptions(node) ?? false,
});
