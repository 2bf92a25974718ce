/** An entry of the log as an event of OCSF 1.9.0. */
import { createHash } from 'node:crypto';
import { isUuid, roleOf, type RequestId } from '../../domain/ids.ts';
import type { AuditValue } from '../../domain/events.ts';
import type { AuditKind } from '../../domain/events.ts';
import type { PlacedEntry } from '../entry-line.ts';
import { category, classes, ocsfVersion, severities, type Severity } from './classes.ts';
import { kinds, type Meant } from './kinds.ts';

export type OcsfEvent = { readonly [key: string]: AuditValue };

/** `line`: the leaf's bytes as text; `sentence`: what a person reads, without names. */
export type Exported = { readonly entry: PlacedEntry; readonly line: string; readonly sentence: string };

/**
 * The event that an entry becomes. `raw_data` is the leaf itself, so that nothing is lost, and whoever has the event can
 * find its hash in the tree: SHA-256 of a zero byte and these bytes. Never a name: the log has none.
 * A kind that this version does not know, in a log that a later one wrote, is an entity that was updated.
 */
export function ocsfEvent({ entry, line, sentence }: Exported): OcsfEvent {
  const meant = meaningOf(entry.kind);
  const { activity, ...about } = 'user' in meant ? userPart(entry, meant) : entityPart(entry, meant);
  const failed = /\.(?:refused|failed|unknown)$/.test(entry.kind);
  const severity = severityOf(entry, meant);
  const code = entry.body.code ?? entry.body.why ?? entry.body.cause;
  return {
    metadata: metadataOf(entry),
    time: entry.atMs,
    timezone_offset: 0,
    category_uid: category.uid,
    category_name: category.name,
    ...activity,
    severity_id: severities[severity],
    severity,
    status_id: failed ? 2 : 1,
    status: failed ? 'Failure' : 'Success',
    ...(typeof code === 'string' ? { status_code: code } : {}),
    message: sentence,
    actor: actorOf(entry),
    ...about,
    raw_data: line,
    raw_data_size: Buffer.byteLength(line),
    raw_data_hash: {
      algorithm_id: 3,
      algorithm: 'SHA-256',
      value: createHash('sha256').update(line).digest('hex'),
    },
  };
}

const meaningOf = (kind: string): Meant =>
  Object.hasOwn(kinds, kind) ? kinds[kind as AuditKind] : { entity: 'Unknown', activity: 'Update' };

const severityOf = (entry: PlacedEntry, { severity = 'Informational' }: Meant): Severity =>
  typeof severity === 'function' ? severity(entry) : severity;

/** `uid` and `sequence` are the place in the log: the cursor of an export, and never given twice. */
const metadataOf = (entry: PlacedEntry): OcsfEvent => ({
  version: ocsfVersion,
  product: { name: 'Curfew', vendor_name: 'Curfew' },
  log_name: 'curfew.audit',
  log_provider: 'Curfew',
  log_format: 'JSON',
  uid: String(entry.index),
  sequence: entry.index,
  original_event_uid: String(entry.id),
  original_time: entry.at,
  event_code: entry.kind,
  ...(isUuid(entry.subject) ? { correlation_uid: entry.subject } : {}),
});

/** A person by their id; whoever is none is a login. `application` is the login that wrote it, as the store stamped it. */
const actorOf = ({ actor, login }: PlacedEntry): OcsfEvent => ({
  application: { name: login },
  user: isUuid(actor)
    ? { uid: actor, type_id: 1, type: 'User' }
    : { name: actor, uid: actor, type_id: 4, type: 'Service' },
});

type Activity = { readonly name: string; readonly id: number };
const activityOf = ({ uid, name }: { readonly uid: number; readonly name: string }, { name: said, id }: Activity) => ({
  class_uid: uid,
  class_name: name,
  activity_id: id,
  activity_name: said,
  type_uid: uid * 100 + id,
  type_name: `${name}: ${said}`,
});

function userPart(entry: PlacedEntry, { user, activity }: Extract<Meant, { user: string }>) {
  const said = typeof activity === 'function' ? activity(entry) : activity;
  const { target, template } = entry.body;
  return {
    activity: activityOf(classes.user, { name: said, id: classes.user.activities[said] }),
    user: user === 'person' ? { uid: entry.subject, type_id: 1, type: 'User' } : loginOf(entry),
    ...(typeof template === 'string' ? { iam_roles: [{ name: template }] } : {}),
    ...(typeof target === 'string'
      ? { resources: [{ name: target, type: 'PostgreSQL', role_id: 1, role: 'Target' }] }
      : {}),
  };
}

/** The role on the target whose name is the request's: one grant a request, so its id is the request's too. */
const loginOf = ({ subject, actor }: PlacedEntry): OcsfEvent => ({
  name: isUuid(subject) ? roleOf(subject as RequestId) : subject,
  uid: subject,
  ...(isUuid(actor) ? { uid_alt: actor } : {}),
  type_id: 1,
  type: 'User',
});

function entityPart(entry: PlacedEntry, { entity, activity }: Extract<Meant, { entity: string }>) {
  const isPolicy = entity === 'Policy';
  const { cause } = entry.body;
  return {
    activity: activityOf(classes.entity, { name: activity, id: classes.entity.activities[activity] }),
    entity: {
      uid: entry.subject,
      type_id: isPolicy ? 5 : 99,
      type: entity,
      ...(isPolicy ? { policy: { uid: entry.subject, name: 'Curfew policy' } } : {}),
      data: entry.body,
    },
    ...(typeof cause === 'string' ? { comment: cause } : {}),
  };
}
