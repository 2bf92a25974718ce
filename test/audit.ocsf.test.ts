/** Entries of every kind as events of OCSF 1.9.0, held against the published schema's rules. */
import { createHash, randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { entryLine, parseLine, type PlacedEntry } from '../audit/entry-line.ts';
import { kinds } from '../audit/ocsf/kinds.ts';
import { ocsfEvent, type OcsfEvent } from '../audit/ocsf/event.ts';
import { isRefusal } from '../domain/errors.ts';
import { auditKinds, type AuditKind } from '../domain/events.ts';
import { breaches, notSaid } from './ocsf/validate.ts';
import { entrySamples } from './support/entry-samples.ts';

const [person, request] = [randomUUID(), randomUUID()];

type Body = Readonly<Record<string, unknown>>;

/** An entry as the log has it, through the leaf's own bytes. */
function placed(kind: string, body: Body, change: { readonly actor?: string; readonly subject?: string } = {}) {
  const bytes = entryLine({
    actor: change.actor ?? person,
    at: '2026-11-21T21:00:00.123456Z',
    body: Buffer.from(JSON.stringify(body)),
    id: 41,
    kind,
    login: 'curfew_worker',
    subject: change.subject ?? request,
  });
  const entry = parseLine(bytes);
  if (isRefusal(entry)) throw new Error(entry.message);
  return { entry: { ...entry, index: 40 } satisfies PlacedEntry, line: bytes.toString(), sentence: 'It happened.' };
}

const event = (...given: Parameters<typeof placed>): OcsfEvent => ocsfEvent(placed(...given));

/** Bodies that make a mapping choose: each must be valid, whatever it chose. */
const bodies: readonly Body[] = [
  {},
  { code: 'SelfApproval', verdict: 'approve' },
  { target: 'orders-prod', template: 'orders_read', role: 'cfw_0', endAt: 1, cause: 'the end has come' },
  { state: 'left', before: 'active', changed: ['state'], version: 7 },
  { state: 'active', before: null, changed: [] },
  { code: 'finding-open', detail: 'x', severity: 'high' },
];

describe('every kind of entry', () => {
  const all = Object.keys(auditKinds) as AuditKind[];
  test.each(all)('%s is a valid event, whatever its body and its actor', (kind) => {
    for (const body of [entrySamples[kind], ...bodies]) {
      for (const change of [{}, { actor: 'curfew_worker' }, { actor: 'ada_ops', subject: 'orders-prod' }]) {
        expect(breaches(event(kind, body, change))).toEqual([]);
      }
    }
  });

  test('has its meaning, and no meaning is of a kind that there is not', () => {
    expect(Object.keys(kinds).toSorted()).toEqual(all.toSorted());
  });

  test('leaves out of what is recommended only what the log does not have', () => {
    const left = new Set(all.flatMap((kind) => bodies.flatMap((body) => notSaid(event(kind, body)))));
    const unknown = ['auth_factors', 'observables', 'policies', 'privileges', 'src_endpoint', 'status_detail'];
    const sometimes = ['comment', 'iam_roles', 'resources', 'status_code', 'updated_entity', 'updated_user'];
    expect([...left].toSorted()).toEqual([...unknown, ...sometimes].toSorted());
  });
});

/** Of an entry as its constructor makes it. */
const written = (kind: AuditKind) => event(kind, entrySamples[kind]);

test('what is really written says of itself what a person can read, and what it was about', () => {
  expect(written('grant.made')).toMatchObject({
    iam_roles: [{ name: entrySamples['grant.made'].template }],
    resources: [{ name: entrySamples['grant.made'].target }],
  });
  expect(written('grant.ended')).toMatchObject({ resources: [{ name: entrySamples['grant.ended'].target }] });
  expect(written('policy.applied')).toMatchObject({ entity: { type: 'Policy', type_id: 5, policy: { uid: request } } });
  expect(written('alarm.raised')).toMatchObject({ status: 'Success', status_code: entrySamples['alarm.raised'].code });
});

describe('an event', () => {
  test('of a grant assigns a role to the login on the target, and its end removes it (3007)', () => {
    const body = { target: 'orders-prod', template: 'orders_read', endAt: 1 };
    const login = `cfw_${request.replaceAll('-', '')}`;
    expect(event('grant.made', body)).toMatchObject({
      class_uid: 3007,
      activity_name: 'Assign Roles',
      type_uid: 300_716,
      user: { name: login, uid: request, uid_alt: person },
      iam_roles: [{ name: 'orders_read' }],
      resources: [{ name: 'orders-prod' }],
      status: 'Success',
    });
    expect(event('grant.ended', body)).toMatchObject({ activity_name: 'Remove Roles', user: { name: login } });
    expect(event('role.dropped', body)).toMatchObject({ activity_name: 'Delete', user: { name: login } });
    expect(event('grant.failed', { cause: 'x' })).toMatchObject({ activity_name: 'Assign Roles', status: 'Failure' });
  });

  test.each([
    [{ before: null, state: 'active' }, 'Create'],
    [{ before: 'active', state: 'left' }, 'Disable'],
    [{ before: 'active', state: 'suspended' }, 'Disable'],
    [{ before: 'suspended', state: 'active' }, 'Enable'],
    [{ before: 'active', state: 'active' }, 'Update'],
    [{ changed: ['groups'] }, 'Update'],
  ])('of a person whose change is %j is %s (3007)', (body, activity) => {
    expect(event('person.changed', body, { subject: person })).toMatchObject({
      class_uid: 3007,
      activity_name: activity,
      user: { uid: person },
    });
  });

  test('of a request is about an entity, and one that was refused failed, with its code (3004)', () => {
    expect(event('request.opened', {})).toMatchObject({ class_uid: 3004, activity_name: 'Create', status: 'Success' });
    expect(event('decision.refused', { code: 'SelfApproval' })).toMatchObject({
      class_uid: 3004,
      status: 'Failure',
      status_code: 'SelfApproval',
      severity: 'Medium',
    });
  });

  test('carries its leaf, whose hash is in the tree, and its place, which is the cursor of an export', () => {
    const given = placed('request.opened', { digest: 'é"\\' });
    const made = ocsfEvent(given);
    expect(made.raw_data).toBe(given.line);
    expect(made.raw_data_size).toBe(Buffer.byteLength(given.line));
    expect(made.raw_data_hash).toMatchObject({ value: createHash('sha256').update(given.line).digest('hex') });
    expect(made.metadata).toMatchObject({
      sequence: 40,
      uid: '40',
      original_event_uid: '41',
      correlation_uid: request,
    });
  });

  test('of a kind that only a later version knows is an entity that was updated', () => {
    const made = event('moon.landed', {});
    expect(breaches(made)).toEqual([]);
    expect(made).toMatchObject({ class_uid: 3004, activity_name: 'Update', metadata: { event_code: 'moon.landed' } });
  });
});

describe('the rules', () => {
  const right = event('grant.made', { target: 'orders-prod', template: 'orders_read' });
  const without = (name: string): Body => Object.fromEntries(Object.entries(right).filter(([key]) => key !== name));
  test.each([
    ['an attribute that there is not', { ...right, colour: 'red' }, 'colour: is no attribute there'],
    ['a required one that is missing', without('user'), 'user: is required'],
    ['a text for a number', { ...right, time: '1' }, 'time: is no timestamp_t'],
    ['an id that is not in its list', { ...right, severity_id: 7 }, 'severity_id: 7 is not in its list'],
    ['a name that is not its id’s', { ...right, status: 'Fine' }, 'status: Fine is not Success'],
    ['an activity of another class', { ...right, activity_id: 3 }, 'type_uid: 300716'],
    ['a user who is nobody', { ...right, user: { type_id: 1 } }, 'user.: has none of account,name,uid'],
    [
      'a hash that is none',
      { ...right, raw_data_hash: { algorithm_id: 3, value: 'x' } },
      'raw_data_hash.value: is not in the form of file_hash_t',
    ],
    [
      'another version',
      { ...right, metadata: { ...(right.metadata as object), version: '1.8.0' } },
      'metadata.version: 1.8.0',
    ],
    [
      'an object that is not among them',
      { ...right, src_endpoint: {} },
      'src_endpoint: a network_endpoint is not among the rules',
    ],
    ['the old actor', { ...right, actor: { app_name: 'x' } }, 'actor.app_name: is deprecated'],
  ] as const)('find %s', (_, given, breach) => {
    expect(breaches(given as Body)).toContain(breach);
  });
});
