/**
 * Which databases a process knows: from its own environment, never from the store, so that whoever can write the store
 * can send no credential anywhere. The API knows addresses and ticket keys; worker and reaper know logins.
 */
import { z } from 'zod';
import type { TargetName } from '../domain/ids.ts';
import { namedKey, json, type NamedKey } from './forms.ts';

const name = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'is not a name of lower-case letters, digits and hyphens');
const targetName = name.transform((text) => text as TargetName);
const host = z.string().regex(/^[A-Za-z0-9.:_-]{1,253}$/, 'is not a host');
const port = z.number('is not a port').int('is not a port').min(1, 'is not a port').max(65_535, 'is not a port');
const text = z.string('is not a text').min(1, 'is empty').max(1_000, 'is too long');

/** What a claimant is told, and which ticket key signs: nothing that opens a connection. */
export type ApiTarget = {
  readonly name: TargetName;
  readonly cluster: string;
  readonly zone: string;
  readonly host: string;
  readonly port: number;
};

const unique = (names: readonly string[]): boolean => new Set(names).size === names.length;

export const apiTargets = json<readonly ApiTarget[]>(
  z
    .array(z.strictObject({ name: targetName, cluster: name, zone: name.default('default'), host, port }))
    .min(1, 'names no target')
    .refine((targets) => unique(targets.map((target) => target.name)), 'names a target twice'),
);

/** How the line to a node is protected. `verified` checks the certificate against `ca`, or the system's authorities. */
export type NodeTls =
  { readonly kind: 'off' } | { readonly kind: 'verified'; readonly ca?: string; readonly serverName?: string };

/** Without `tls`: off on loopback, verified elsewhere. */
export type ClusterNode = {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly tls?: NodeTls;
};

/**
 * One PostgreSQL cluster: one install, one ledger, one ticket key; several targets may be in it. The login is the same
 * on all nodes, as it is on a standby. The first node is tried first as the primary.
 */
export type Cluster = {
  readonly name: string;
  readonly zone: string;
  readonly targets: readonly TargetName[];
  /** The control database, where install.sql ran. */
  readonly database: string;
  readonly user: string;
  readonly password: string;
  readonly nodes: readonly [ClusterNode, ...ClusterNode[]];
};

const tls = z.union(
  [
    z.literal('off').transform((): NodeTls => ({ kind: 'off' })),
    z.literal('verified').transform((): NodeTls => ({ kind: 'verified' })),
    z
      .strictObject({ ca: text.max(200_000).optional(), serverName: host.optional() })
      .transform(({ ca, serverName }): NodeTls => ({
        kind: 'verified',
        ...(ca === undefined ? {} : { ca }),
        ...(serverName === undefined ? {} : { serverName }),
      })),
  ],
  'is neither "off", "verified" nor {"ca", "serverName"}',
);

const node = z.strictObject({ name, host, port, primary: z.boolean('is neither true nor false').default(false) });

const cluster = z
  .strictObject({
    name,
    zone: name.default('default'),
    targets: z.array(targetName).min(1, 'names no target'),
    database: text,
    user: text,
    password: text,
    nodes: z
      .array(node)
      .min(1, 'names no node')
      .refine((list) => list.filter((each) => each.primary).length <= 1, 'names two primaries')
      .refine((list) => unique(list.map((each) => each.name)), 'names a node twice'),
    tls: tls.optional(),
  })
  .transform(({ nodes, tls: secured, ...rest }): Cluster => {
    const ordered = nodes.toSorted((one, other) => Number(other.primary) - Number(one.primary));
    const [first, ...others] = ordered.map((each): ClusterNode => ({
      name: each.name,
      host: each.host,
      port: each.port,
      ...(secured === undefined ? {} : { tls: secured }),
    }));
    if (!first) throw new Error('a cluster without nodes passed its schema');
    return { ...rest, nodes: [first, ...others] };
  });

export const clusters = json<readonly Cluster[]>(
  z
    .array(cluster)
    .min(1, 'names no cluster')
    .refine((list) => unique(list.map((each) => each.name)), 'names a cluster twice')
    .refine((list) => unique(list.flatMap((each) => each.targets)), 'has a target in two clusters'),
);

/** The key with which the API signs tickets, for each cluster: `{"main": "2026-11:base64"}`. */
export const ticketKeys = json<ReadonlyMap<string, NamedKey>>(
  z.record(name, namedKey()).transform((keys): ReadonlyMap<string, NamedKey> => new Map(Object.entries(keys))),
);
