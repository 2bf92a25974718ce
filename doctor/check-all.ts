/**
 * The checker: reads catalogs, ledgers, store and audit log, and names each broken invariant. It trusts nothing that a
 * process of Curfew says of itself, so it is the last word of every integration test, and of `curfew doctor`.
 */
import { dayMs } from '../domain/time.ts';
import type { Db } from '../store/pool.ts';
import { loginIsGranted } from './checks/i1-login-is-granted.ts';
import { happenedOnce } from './checks/i10-once.ts';
import { eachChangeHasItsEntry } from './checks/i11-each-change-has-its-entry.ts';
import { logIsWhole } from './checks/i11-log-is-whole.ts';
import { sessionsAreAsLogged } from './checks/i11-sessions-are-as-logged.ts';
import { breakGlassIsLoud } from './checks/i13-break-glass-is-loud.ts';
import { withinTheAllowList } from './checks/i14-within-the-allow-list.ts';
import { templatesAreClean } from './checks/i15-templates-are-clean.ts';
import { revokedWasSeen } from './checks/i16-revoked-was-seen.ts';
import { lateIsLoud } from './checks/i17-late-is-loud.ts';
import { storeIsNotBehind } from './checks/i18-store-is-not-behind.ts';
import { allThreeAgree } from './checks/i19-all-three-agree.ts';
import { endedInTime } from './checks/i2-ended-in-time.ts';
import { sessionsHaveARequest } from './checks/i21-sessions-have-a-request.ts';
import { nothingLivesOn } from './checks/i22-nothing-lives-on.ts';
import { loginRunsOut } from './checks/i3-login-runs-out.ts';
import { revokedIsFinal } from './checks/i4-revoked-is-final.ts';
import { oneRoleAGrant } from './checks/i5-one-role-a-grant.ts';
import { approvalsArePeople } from './checks/i6-approvals-are-people.ts';
import { grantedAsShown } from './checks/i7-granted-as-shown.ts';
import { activeAtTheGrant } from './checks/i8-active-at-the-grant.ts';
import { leaversHoldNothing } from './checks/i9-leavers-hold-nothing.ts';
import type { Check, Finding, Witnessed } from './finding.ts';
import { readRecords } from './records.ts';
import { readTarget, type TargetAccess } from './target-facts.ts';

const checks: readonly Check[] = [
  loginIsGranted,
  endedInTime,
  loginRunsOut,
  revokedIsFinal,
  oneRoleAGrant,
  approvalsArePeople,
  grantedAsShown,
  activeAtTheGrant,
  leaversHoldNothing,
  happenedOnce,
  eachChangeHasItsEntry,
  logIsWhole,
  sessionsAreAsLogged,
  breakGlassIsLoud,
  withinTheAllowList,
  templatesAreClean,
  revokedWasSeen,
  lateIsLoud,
  storeIsNotBehind,
  allThreeAgree,
  sessionsHaveARequest,
  nothingLivesOn,
];

export type CheckAllOptions = {
  /** As curfew_admin or curfew_auditor. */
  readonly store: Db;
  readonly targets: readonly TargetAccess[];
  /** Epoch ms. */
  readonly now: number;
  /** How far back ended grants are looked at; a quarter of a year where absent. */
  readonly sinceAt?: number;
  /** Read before this is called: the log only grows. */
  readonly witnessed?: Witnessed;
};

/**
 * @returns every broken invariant; empty: all hold, as far as can be seen from outside
 * @throws where something cannot be read: a look that is not whole proves nothing
 */
export async function checkAll({
  store,
  targets,
  now,
  sinceAt = now - 92 * dayMs,
  witnessed,
}: CheckAllOptions): Promise<readonly Finding[]> {
  // NB. Targets first: what is on one of them by then must be in the store that is read afterwards.
  const facts = await Promise.all(targets.map(readTarget));
  const ids = facts.flatMap((target) => target.ledger.map((row) => row.grantId));
  const records = await readRecords(store, [...new Set(ids)], sinceAt);
  const look = { store, targets: facts, records, now, sinceAt, ...(witnessed && { witnessed }) };
  const findings: Finding[] = [];
  for (const check of checks) findings.push(...(await check(look)));
  return findings;
}
