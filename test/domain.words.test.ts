/** Ids, errors, people, receipts: the small nouns. */
import { describe, expect, test } from 'vitest';
import { CurfewError, errors, isRefusal, refuse } from '../domain/errors.ts';
import { auditKinds, logins } from '../domain/events.ts';
import { sessionsClosed, type NodeEvidence, type RevokeReceipt } from '../domain/grant.ts';
import { isUuid, roleOf, shortId, type PersonId, type RequestId, type TargetName } from '../domain/ids.ts';
import { sameHuman } from '../domain/person.ts';
import { stagesOf, type Plan } from '../domain/plan.ts';

const id = '0190c5a2-7e4b-8a31-9f00-3b5c6d7e8f90' as RequestId;

const node = (sessionsFound: number, sessionsLeft: number): NodeEvidence => ({
  node: 'primary',
  standby: false,
  sessionsFound,
  sessionsLeft,
  canLogin: false,
  ended: true,
  verifiedAt: 0,
});

const written = (login: string): readonly string[] =>
  Object.entries(auditKinds).flatMap(([kind, writers]) =>
    (writers as readonly string[]).includes(login) ? [kind] : [],
  );

describe('ids', () => {
  test('only lower-case UUIDs are UUIDs', () => {
    expect(isUuid(id)).toBe(true);
    for (const text of ['', id.toUpperCase(), `${id} `, `${id}\n`, id.replaceAll('-', ''), `{${id}}`, `x${id}`]) {
      expect(isUuid(text)).toBe(false);
    }
  });

  test("a grant's role is cfw_ and the request's 32 digits: within PostgreSQL's 63 bytes, and nobody's text (P23)", () => {
    expect(roleOf(id)).toBe('cfw_0190c5a27e4b8a319f003b5c6d7e8f90');
    expect(shortId(id)).toBe('0190c5a2');
  });
});

describe('errors', () => {
  test('each code has a status that HTTP knows, and only what may pass by itself is retried', () => {
    const retried = Object.entries(errors).flatMap(([code, { retry }]) => (retry ? [code] : []));
    expect(retried).toEqual(['TargetUnavailable', 'NotRecorded', 'NotConfirmed']);
    for (const { http } of Object.values(errors)) expect([202, 400, 403, 404, 409, 410, 502, 503]).toContain(http);
  });

  test('a refusal is a value that can be told from anything else, with its field where there is one', () => {
    expect(refuse('InvalidInput', 'Write more.', 'reason')).toEqual({
      kind: 'refusal',
      code: 'InvalidInput',
      message: 'Write more.',
      field: 'reason',
    });
    expect('field' in refuse('InvalidInput', 'Write more.')).toBe(false);
    expect(isRefusal(refuse('NotPending', 'Too late.'))).toBe(true);
    for (const other of [undefined, null, 'refusal', {}, { kind: 'approved' }, []])
      expect(isRefusal(other)).toBe(false);
  });

  test('an error carries its code and what caused it', () => {
    const cause = new Error('socket closed');
    const error = new CurfewError('NotRecorded', 'The store did not answer.', { cause });
    expect(error).toMatchObject({
      code: 'NotRecorded',
      name: 'NotRecorded',
      message: 'The store did not answer.',
      cause,
    });
    expect(error).toBeInstanceOf(Error);
  });
});

describe('people', () => {
  const [ada, ben] = ['ada', 'ben'] as unknown as readonly [PersonId, PersonId];

  test('two accounts of one human are one, from whichever side they are linked (I6)', () => {
    expect(sameHuman({ id: ada, aliases: [] }, { id: ada, aliases: [] })).toBe(true);
    expect(sameHuman({ id: ada, aliases: [ben] }, { id: ben, aliases: [] })).toBe(true);
    expect(sameHuman({ id: ada, aliases: [] }, { id: ben, aliases: [ada] })).toBe(true);
    expect(sameHuman({ id: ada, aliases: [] }, { id: ben, aliases: [] })).toBe(false);
  });
});

describe('what is recorded', () => {
  test('every kind of audit entry has a login that may write it; none is written by the auditor', () => {
    for (const [kind, writers] of Object.entries(auditKinds)) {
      expect(writers.length, kind).toBeGreaterThan(0);
      for (const writer of writers) expect(logins).toContain(writer);
      expect(writers, kind).not.toContain('curfew_auditor');
    }
  });

  test('the worker cannot record a decision, and the reaper cannot record a grant', () => {
    expect(written('curfew_worker')).not.toContain('decision.made');
    expect(written('curfew_worker')).not.toContain('claim.accepted');
    expect(written('curfew_reaper')).not.toContain('grant.made');
    expect(written('curfew_api')).not.toContain('grant.made');
  });

  test('sessions that a revoke closed are counted over all nodes', () => {
    const receipt: RevokeReceipt = {
      kind: 'revoke',
      requestId: id,
      target: 'orders-prod' as TargetName,
      role: roleOf(id),
      startedAt: 0,
      verifiedAt: 1,
      rounds: 1,
      nodes: [node(3, 0), node(2, 1)],
      attestations: [],
    };
    expect(sessionsClosed(receipt)).toBe(4);
  });

  test('automatic and break-glass plans have no stages', () => {
    const limits = { maxMs: 1, decideWithinMs: 1, useWithinMs: 1 };
    const plan = { policy: 'hash', rule: 'rule', limits } as Extract<Plan, { verdict: 'automatic' }>;
    expect(stagesOf({ ...plan, verdict: 'automatic' })).toEqual([]);
    expect(stagesOf({ ...plan, verdict: 'break-glass', review: { from: [], withinMs: 1 } })).toEqual([]);
    const stage = { name: 'owners', need: 1, from: [] };
    expect(stagesOf({ ...plan, verdict: 'approvals', stages: [stage] })).toEqual([stage]);
  });
});
