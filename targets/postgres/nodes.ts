import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';

/**
 * How a node's line is protected. `verified`: TLS, with the certificate checked against `ca` (PEM) or the system's
 * authorities. `off` is for loopback, or for a network that the operator vouches for.
 */
export type Tls =
  { readonly kind: 'off' } | { readonly kind: 'verified'; readonly ca?: string; readonly serverName?: string };

/** One server of a cluster. The name is what receipts call it. Without `tls`: off on loopback, verified elsewhere. */
export type Node = { readonly name: string; readonly host: string; readonly port: number; readonly tls?: Tls };

/** True where no packet leaves the machine; a socket directory counts. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || host.startsWith('/') || (isIP(host) === 4 && host.startsWith('127.'));

export const tlsOf = (node: Node): Tls => node.tls ?? (isLoopback(node.host) ? { kind: 'off' } : { kind: 'verified' });

/** Options for `node:tls`; undefined where the line is plain. A name is sent and checked even where the host is an address. */
export function tlsOptions(node: Node): ConnectionOptions | undefined {
  const tls = tlsOf(node);
  if (tls.kind === 'off') return undefined;
  const servername = tls.serverName ?? (isIP(node.host) === 0 ? node.host : undefined);
  return {
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(servername === undefined ? {} : { servername }),
  };
}
