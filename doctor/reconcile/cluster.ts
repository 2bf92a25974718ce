/**
 * What a cluster says, held against the store. Pure: it compares what was read, the cluster first and the store after
 * it, so that whatever the cluster had by then is in the store, or should be.
 */
import { roleOf, type RequestId, type TargetName } from '../../domain/ids.ts';
import { minuteMs, secondMs } from '../../domain/time.ts';
import type { StoreGrant } from '../../store/compared.ts';
import { checkHoldsMs, type TargetCheck } from '../../store/target-checks.ts';
import { greatestSkewMs } from '../../targets/postgres/accessor.ts';
import type { Live } from '../../targets/postgres/calls.ts';
import type { Identity } from '../../targets/postgres/connection.ts';
import type { Found, Surplus } from './found.ts';

export type ClusterLook = {
  readonly cluster: string;
  readonly targets: readonly TargetName[];
  /** Curfew's clock, before anything of the cluster was read. */
  readonly readAt: number;
  /** The cluster's clock at about that time. */
  readonly targetAt: number;
  /** Who answered, on each node that did. */
  readonly identities: ReadonlyMap<string, Identity>;
  readonly live: readonly Live[];
  /** Roles of grants that others are members of. */
  readonly shared: readonly string[];
  readonly lint: readonly { readonly template: string; readonly code: string }[];
  readonly grants: ReadonlyMap<string, StoreGrant>;
  readonly checks: ReadonlyMap<TargetName, TargetCheck | undefined>;
};

/** What a claim may take to become a recorded grant, and an end to be recorded, before anybody wonders. */
const settleMs = 2 * minuteMs;
/** I2: by then nothing of a grant is left. */
const endedByMs = 30 * secondMs;
/** Two clocks that both are in order. */
const clocksMs = 2 * greatestSkewMs;

export function compareCluster(look: ClusterLook): readonly Found[] {
  return [
    ...look.live.flatMap((row) => ofRole(row, look)),
    ...goneGrants(look),
    ...look.shared.map((role): Found => ({ kind: 'member-of-grant', role, target: look.cluster })),
    ...look.lint.map(({ template, code }): Found => ({
      kind: 'template-fails-lint',
      template,
      code,
      target: look.cluster,
    })),
    ...clocks(look),
    ...look.targets.flatMap((target) => ofCheck(target, look)),
  ];
}

function ofRole(row: Live, look: ClusterLook): readonly Found[] {
  if (row.grantId === null || row.state === null) return [{ kind: 'stranger', role: row.role, target: look.cluster }];
  const grant = look.grants.get(row.grantId);
  const about = { requestId: row.grantId as RequestId, target: grant?.target ?? look.cluster };
  if (row.state === 'revoked') return afterEnd(row, about, look.targetAt);
  const because = surplusOf(grant, look.readAt);
  return [
    ...(because ? [{ kind: 'surplus-grant', because, ...about } as const] : []),
    ...(row.endAt !== null && row.endAt + endedByMs <= look.targetAt ? [{ kind: 'past-end', ...about } as const] : []),
    ...(grant && endsApart(row, grant, look.readAt) ? [{ kind: 'ends-apart', ...about } as const] : []),
    ...ofLogin(row, about),
  ];
}

type About = { readonly requestId: RequestId; readonly target: string };

/** NB. Right after a revoke its sessions and memberships are on their way out: the reaper has its half minute first. */
function afterEnd(row: Live, about: About, targetAt: number): readonly Found[] {
  if ((row.revokedAt ?? 0) + endedByMs > targetAt) return [];
  if (row.canLogin === true) return [{ kind: 'login-back', ...about }];
  return [
    ...(row.sessions > 0 ? [{ kind: 'session-after-end', sessions: row.sessions, ...about } as const] : []),
    ...(row.memberships.length > 0 ? [{ kind: 'membership-left', ...about } as const] : []),
  ];
}

/** A claim is in the store before its grant is made, the grant right after it, and an end after it was verified. */
function surplusOf(grant: StoreGrant | undefined, readAt: number): Surplus | undefined {
  if (!grant || grant.target === null) return 'unknown';
  if (grant.endedAt !== null) return grant.endedAt + clocksMs < readAt ? 'ended' : undefined;
  if (grant.grantedAt !== null) return undefined;
  if (grant.claimedAt === null) return 'unclaimed';
  return grant.claimedAt + settleMs < readAt ? 'unrecorded' : undefined;
}

/** An extension moves the target's end first and the store's right after. */
const endsApart = (row: Live, grant: StoreGrant, readAt: number): boolean =>
  grant.endedAt === null &&
  grant.endAt !== null &&
  row.endAt !== null &&
  Math.abs(row.endAt - grant.endAt) > secondMs &&
  (grant.extendedAt ?? 0) + settleMs < readAt;

function ofLogin(row: Live, about: About): readonly Found[] {
  const others = row.memberships.length - (row.memberships.includes(row.template ?? '') ? 1 : 0);
  return [
    ...(row.canLogin === true ? [] : [{ kind: 'login-gone', ...about } as const]),
    ...(row.canLogin === true && (row.validUntilAt ?? Infinity) > (row.endAt ?? 0) - (row.graceMs ?? 0)
      ? [{ kind: 'role-altered', ...about } as const]
      : []),
    ...(others > 0 ? [{ kind: 'other-membership', roles: others, ...about } as const] : []),
  ];
}

/** Active in the store, and not on the cluster: revoked a while ago, or not there at all. */
function goneGrants({ live, grants, targets, targetAt, readAt }: ClusterLook): readonly Found[] {
  const rows = new Map(live.flatMap((row) => (row.grantId === null ? [] : [[row.grantId, row] as const])));
  return [...grants.values()].flatMap((grant): readonly Found[] => {
    const { requestId, target, grantedAt, endedAt } = grant;
    if (grantedAt === null || endedAt !== null || target === null || !targets.includes(target)) return [];
    const row = rows.get(requestId);
    if (row?.state === 'active') return [];
    const over = row ? (row.revokedAt ?? 0) + minuteMs < targetAt : grantedAt + settleMs < readAt;
    return over ? [{ kind: 'gone-grant', requestId, target }] : [];
  });
}

const clocks = ({ cluster, identities }: ClusterLook): readonly Found[] =>
  [...identities].flatMap(([node, { skewMs }]) =>
    skewMs > greatestSkewMs ? [{ kind: 'clock-apart', clock: `${cluster}/${node}`, skewMs } as const] : [],
  );

/** Only of targets with grants: another one is refused its first grant and needs nobody's attention before. */
function ofCheck(target: TargetName, look: ClusterLook): readonly Found[] {
  const check = look.checks.get(target);
  const held = look.live.some(
    ({ grantId, state }) => state === 'active' && look.grants.get(grantId ?? '')?.target === target,
  );
  const changed = check && primariesOf(look).some((identity) => !isSame(check, identity));
  return [
    ...(changed ? [{ kind: 'cluster-changed', target } as const] : []),
    ...(held && check && !check.ok ? [{ kind: 'check-failed', target } as const] : []),
    ...(held && (check?.checkedAt ?? 0) + checkHoldsMs < look.readAt ? [{ kind: 'check-old', target } as const] : []),
  ];
}

const primariesOf = ({ identities }: ClusterLook): readonly Identity[] =>
  [...identities.values()].filter(({ inRecovery }) => !inRecovery);

function isSame({ result }: TargetCheck, identity: Identity): boolean {
  const seen = (result ?? {}) as { readonly systemIdentifier?: unknown; readonly timeline?: unknown };
  // One that does not say what it saw lets nothing be granted; it says nothing of another cluster either.
  if (typeof seen.systemIdentifier !== 'string' || seen.systemIdentifier === '') return true;
  return seen.systemIdentifier === identity.systemIdentifier && seen.timeline === identity.timeline;
}

/** Findings by which a grant is ended, whoever thinks that it goes on. */
export const endsIt = (found: Found): found is Extract<Found, { kind: Ending }> =>
  (endings as readonly string[]).includes(found.kind);

const endings = [
  'surplus-grant',
  'past-end',
  'session-after-end',
  'login-gone',
  'login-back',
  'role-altered',
  'other-membership',
  'membership-left',
] as const;
type Ending = (typeof endings)[number];

/** The request whose role it is; undefined for a name that no grant has. */
export function requestOfRole(role: string): RequestId | undefined {
  const [, a, b, c, d, e] = /^cfw_(.{8})(.{4})(.{4})(.{4})(.{12})$/.exec(role) ?? [];
  const id = [a, b, c, d, e].join('-') as RequestId;
  return a !== undefined && roleOf(id) === role ? id : undefined;
}
