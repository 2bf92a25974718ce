import type { AuditValue, EntriesOf, Entry } from './events/entry.ts';
import type { ExtensionBodies } from './events/extension.ts';
import type { GrantBodies } from './events/grant.ts';
import type { HistoryBodies } from './events/history.ts';
import type { OperationBodies } from './events/operation.ts';
import type { PeopleBodies } from './events/people.ts';
import type { PolicyBodies } from './events/policy.ts';
import type { RequestBodies } from './events/request.ts';
import type { RetentionBodies } from './events/retention.ts';
import type { ReviewBodies } from './events/review.ts';
import type { SessionBodies } from './events/session.ts';

export type { AuditValue } from './events/entry.ts';

/**
 * The kinds of audit entries, each with the logins that may append it. `audit.append` in the store refuses every other
 * pair, so that the worker cannot write "decided" and the reaper cannot write "granted"; a test holds this table
 * against the one in the database.
 *
 * Bodies carry ids, codes, counts, instants and salted hashes: no names, e-mail, Slack ids or reasons.
 */
export const auditKinds = {
  'request.opened': ['curfew_api'],
  'request.refused': ['curfew_api'],
  'decision.made': ['curfew_api'],
  'decision.refused': ['curfew_api'],
  'decision.voided': ['curfew_api', 'curfew_directory', 'curfew_worker'],
  'code.minted': ['curfew_api'],
  'code.refused': ['curfew_api'],
  'claim.accepted': ['curfew_api'],
  'claim.refused': ['curfew_api'],
  'grant.made': ['curfew_worker'],
  'grant.refused': ['curfew_worker'],
  'grant.failed': ['curfew_worker'],
  'end.asked': ['curfew_api', 'curfew_directory', 'curfew_worker', 'curfew_admin'],
  'end.refused': ['curfew_api'],
  'grant.ended': ['curfew_worker'],
  'extension.asked': ['curfew_api'],
  'extension.decided': ['curfew_api'],
  'extension.refused': ['curfew_api'],
  'extension.made': ['curfew_worker'],
  'extension.failed': ['curfew_api', 'curfew_worker'],
  'request.closed': ['curfew_worker'],
  'reaper.ended': ['curfew_reaper'],
  'reaper.surprised': ['curfew_reaper'],
  'leave.reported': ['curfew_worker'],
  'taint.found': ['curfew_directory', 'curfew_worker'],
  'taint.asked': ['curfew_worker'],
  'taint.answered': ['curfew_api'],
  'taint.refused': ['curfew_api'],
  'taint.settled': ['curfew_worker'],
  'breakglass.announced': ['curfew_api'],
  'breakglass.recorded': ['curfew_admin'],
  'review.reminded': ['curfew_worker'],
  'review.escalated': ['curfew_worker'],
  'review.owed': ['curfew_worker'],
  'review.recorded': ['curfew_api'],
  'review.refused': ['curfew_api'],
  'person.changed': ['curfew_directory'],
  'person.unknown': ['curfew_directory'],
  'person.due': ['curfew_directory'],
  'person.due-settled': ['curfew_directory'],
  'source.pulled': ['curfew_directory'],
  'scim-token.made': ['curfew_admin'],
  'scim-token.revoked': ['curfew_admin'],
  'link-code.minted': ['curfew_directory', 'curfew_admin'],
  'link.made': ['curfew_api', 'curfew_directory', 'curfew_admin'],
  'link.refused': ['curfew_api'],
  'link.confirmed': ['curfew_api'],
  'absence.made': ['curfew_api', 'curfew_directory'],
  'absence.ended': ['curfew_api', 'curfew_directory'],
  'oncall.imported': ['curfew_directory'],
  'condition.ended': ['curfew_api', 'curfew_worker'],
  'personal-code.minted': ['curfew_api'],
  'delivery.refused': ['curfew_api', 'curfew_directory'],
  'policy.proposed': ['curfew_admin'],
  'policy.decided': ['curfew_api'],
  'policy.refused': ['curfew_api', 'curfew_admin'],
  'policy.applied': ['curfew_api', 'curfew_admin'],
  'operator.linked': ['curfew_admin'],
  'target.installed': ['curfew_admin'],
  'target.checked': ['curfew_admin'],
  'target.uninstalled': ['curfew_admin'],
  'role.cleaned': ['curfew_worker'],
  'role.dropped': ['curfew_worker'],
  'role.kept': ['curfew_worker'],
  'finding.met': ['curfew_worker'],
  'finding.gone': ['curfew_worker'],
  'alarm.raised': ['curfew_api', 'curfew_directory', 'curfew_worker', 'curfew_reaper', 'curfew_admin'],
  'alarm.resolved': ['curfew_worker', 'curfew_reaper', 'curfew_admin'],
  'store.recovered': ['curfew_admin'],
  'log.retired': ['curfew_admin'],
  'person.erased': ['curfew_directory'],
  'history.exported': ['curfew_worker'],
  'session.opened': ['curfew_collector'],
  'session.statements': ['curfew_collector'],
  'session.closed': ['curfew_collector'],
} as const satisfies Record<string, readonly Login[]>;

export const logins = [
  'curfew_api',
  'curfew_directory',
  'curfew_admin',
  'curfew_worker',
  'curfew_reaper',
  'curfew_collector',
  'curfew_auditor',
] as const;
export type Login = (typeof logins)[number];

export type AuditKind = keyof typeof auditKinds;

/** What each kind says. Each file under `events/` has those of one matter, with their constructors and sentences. */
export type Bodies = RequestBodies &
  GrantBodies &
  ExtensionBodies &
  ReviewBodies &
  PeopleBodies &
  PolicyBodies &
  OperationBodies &
  RetentionBodies &
  HistoryBodies &
  SessionBodies;

/**
 * An entry as it is read from the log. What a kind says grew over time, so an older entry may hold less than its kind
 * has now.
 */
export type ReadEntry = Entry<AuditKind, { readonly [key: string]: AuditValue }>;

/**
 * Every entry there can be, told apart by `kind`: what is appended, made by its constructor. A kind that is in one of
 * the two tables above and not in the other does not compile.
 */
export type AuditEntry = EntriesOf<{ readonly [Kind in AuditKind]: Bodies[Kind] }>;
