/** What each kind of entry is in OCSF's words. Total: a new kind does not compile until somebody says what it is. */
import { severityOf as alarmSeverity } from '../../domain/alarms.ts';
import type { AuditKind } from '../../domain/events.ts';
import type { PlacedEntry } from '../entry-line.ts';
import type { EntityActivity, Severity, UserActivity } from './classes.ts';

/**
 * `user: 'login'`: the grant's own role on the target, whose name is made from the subject, a request. `user: 'person'`:
 * the subject is a person. `entity`: what the subject is, `type_id` Other unless it is a Policy or a User.
 */
export type Meant = { readonly severity?: Severity | ((entry: PlacedEntry) => Severity) } & (
  | {
      readonly user: 'login' | 'person';
      readonly activity: UserActivity | ((entry: PlacedEntry) => UserActivity);
    }
  | { readonly entity: string; readonly activity: EntityActivity }
);

const request = (activity: EntityActivity): Meant => ({ entity: 'Request', activity });
/** What nobody tries by mistake. */
const grave: ReadonlySet<unknown> = new Set(['SelfApproval', 'BadSignature', 'signature']);
const refused = (entity: string, activity: EntityActivity = 'Update'): Meant => ({
  entity,
  activity,
  severity: ({ body }) => (grave.has(body.code ?? body.why) ? 'Medium' : 'Low'),
});

/** Created, gone, back, or changed in some other way. */
function changeOfPerson({ body: { state, before } }: PlacedEntry): UserActivity {
  if (before === null) return 'Create';
  if (state === undefined || state === before) return 'Update';
  return state === 'active' ? 'Enable' : 'Disable';
}

export const kinds = {
  'request.opened': request('Create'),
  'request.refused': refused('Request', 'Create'),
  'request.closed': request('Deactivate'),
  'decision.made': request('Update'),
  'decision.refused': refused('Request'),
  'decision.voided': request('Update'),
  'code.minted': request('Update'),
  'code.refused': refused('Request'),
  'claim.accepted': request('Activate'),
  'claim.refused': refused('Request', 'Activate'),
  'grant.made': { user: 'login', activity: 'Assign Roles' },
  'grant.refused': refused('Request'),
  'grant.failed': { user: 'login', activity: 'Assign Roles', severity: 'Medium' },
  'grant.ended': { user: 'login', activity: 'Remove Roles' },
  'end.asked': request('Deactivate'),
  'end.refused': refused('Request', 'Deactivate'),
  'extension.asked': request('Update'),
  'extension.decided': request('Update'),
  'extension.refused': refused('Request'),
  'extension.made': { user: 'login', activity: 'Update' },
  'extension.failed': { user: 'login', activity: 'Update', severity: 'Low' },
  'reaper.ended': { user: 'login', activity: 'Remove Roles' },
  'reaper.surprised': { entity: 'Login of a target', activity: 'Update', severity: 'High' },
  'role.cleaned': { user: 'login', activity: 'Update' },
  'role.dropped': { user: 'login', activity: 'Delete' },
  'role.kept': { user: 'login', activity: 'Update', severity: 'Low' },
  'leave.reported': { user: 'person', activity: 'Disable' },
  'taint.found': request('Update'),
  'taint.asked': request('Update'),
  'taint.answered': request('Update'),
  'taint.refused': refused('Approval'),
  'taint.settled': request('Update'),
  'breakglass.announced': { ...request('Update'), severity: 'High' },
  'breakglass.recorded': { entity: 'Break-glass by hand', activity: 'Create', severity: 'High' },
  'review.reminded': request('Update'),
  'review.escalated': request('Update'),
  'review.owed': { ...request('Update'), severity: 'Medium' },
  'review.recorded': request('Update'),
  'review.refused': refused('Request'),
  'person.changed': { user: 'person', activity: changeOfPerson },
  'person.unknown': { user: 'person', activity: 'Disable', severity: 'Medium' },
  'person.due': { user: 'person', activity: 'Update' },
  'person.due-settled': { user: 'person', activity: 'Update' },
  'source.pulled': { entity: 'Source of people', activity: 'Read' },
  'scim-token.made': { entity: 'SCIM token', activity: 'Create' },
  'scim-token.revoked': { entity: 'SCIM token', activity: 'Delete' },
  'link-code.minted': { user: 'person', activity: 'Update' },
  'link.made': { user: 'person', activity: 'Update' },
  'link.refused': refused('Slack account'),
  'link.confirmed': { user: 'person', activity: 'Update' },
  'absence.made': { user: 'person', activity: 'Update' },
  'absence.ended': { user: 'person', activity: 'Update' },
  'oncall.imported': { entity: 'On-call schedule', activity: 'Update' },
  'condition.ended': { entity: 'Incident, ticket or shift', activity: 'Deactivate' },
  'personal-code.minted': { user: 'person', activity: 'Update' },
  'delivery.refused': refused('Delivery', 'Create'),
  'policy.proposed': { entity: 'Policy', activity: 'Create' },
  'policy.decided': { entity: 'Policy proposal', activity: 'Update' },
  'policy.refused': refused('Policy proposal'),
  'policy.applied': { entity: 'Policy', activity: 'Activate' },
  'operator.linked': { user: 'person', activity: 'Assign Privileges' },
  'target.installed': { entity: 'Target', activity: 'Enroll' },
  'target.checked': { entity: 'Target', activity: 'Read' },
  'target.uninstalled': { entity: 'Target', activity: 'Unenroll' },
  'finding.met': {
    entity: 'Finding',
    activity: 'Create',
    severity: ({ body }) => (body.severity === 'high' ? 'High' : 'Low'),
  },
  'finding.gone': { entity: 'Finding', activity: 'Deactivate' },
  'alarm.raised': {
    entity: 'Alarm',
    activity: 'Create',
    severity: ({ body }) => (typeof body.code === 'string' && alarmSeverity(body.code) === 'page' ? 'High' : 'Medium'),
  },
  'alarm.resolved': { entity: 'Alarm', activity: 'Deactivate' },
  'store.recovered': { entity: 'Store', activity: 'Update', severity: 'Critical' },
  'history.exported': { entity: 'History', activity: 'Create' },
  'session.opened': { entity: 'Session', activity: 'Create' },
  'session.closed': { entity: 'Session', activity: 'Delete' },
  'session.statements': { entity: 'Session', activity: 'Read' },
  'person.erased': { user: 'person', activity: 'Update' },
  'log.retired': { entity: 'Log', activity: 'Delete' },
} as const satisfies Record<AuditKind, Meant>;
