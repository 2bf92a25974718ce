import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isUuid } from '../domain/ids.ts';
import type { Plan } from '../domain/plan.ts';
import {
  decisionId,
  digestOf,
  personIdFrom,
  planHash,
  policyHash,
  reasonHash,
  requestIdFrom,
  type DigestFields,
} from '../policy/digest.ts';

const plan = {
  verdict: 'approvals',
  policy: 'a'.repeat(64),
  rule: 'orders are read with a data owner’s word',
  limits: { maxMs: 14_400_000, decideWithinMs: 28_800_000, useWithinMs: 28_800_000 },
  stages: [{ name: 'data owners', need: 1, from: [{ kind: 'group', group: 'data-owners' }] }],
} as unknown as Plan;

const fields = {
  requestId: '0190c5a2-7e4b-8a31-9f00-3b5c6d7e8f90',
  requester: '5b1f0d3c-2a44-8e19-a7c6-0d9e8f7a6b5c',
  target: 'orders-prod',
  databases: ['orders'],
  role: 'read',
  template: 'orders_read',
  durationMs: 7_200_000,
  reasonHash: 'b'.repeat(64),
  ticket: 'INC-12',
  startAt: null,
  plan,
} as unknown as DigestFields;

const sha256 = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');

describe('the digest of a request', () => {
  test('is SHA-256 over a form that anybody can write by hand: keys sorted, no spaces (RFC 8785)', () => {
    const planForm =
      '{"limits":{"decideWithinMs":28800000,"maxMs":14400000,"useWithinMs":28800000},' +
      `"policy":"${'a'.repeat(64)}","rule":"orders are read with a data owner’s word",` +
      '"stages":[{"from":[{"group":"data-owners","kind":"group"}],"name":"data owners","need":1}],"verdict":"approvals"}';
    expect(planHash(plan)).toBe(sha256(`curfew-plan-1\n${planForm}`));
    const form =
      `{"condition":null,"databases":["orders"],"durationMs":7200000,"plan":"${planHash(plan)}",` +
      `"reason":"${'b'.repeat(64)}","requestId":"0190c5a2-7e4b-8a31-9f00-3b5c6d7e8f90",` +
      '"requester":"5b1f0d3c-2a44-8e19-a7c6-0d9e8f7a6b5c","role":"read","start":null,' +
      '"target":"orders-prod","template":"orders_read","ticket":"INC-12"}';
    expect(digestOf(fields)).toBe(sha256(`curfew-request-1\n${form}`));
  });

  test('is the same in every version of Curfew', () => {
    expect(digestOf(fields)).toBe('d3fd5c97270e813c4c79ee64817c72f715c0e17f4d812db1e9b135b0604b2c70');
  });

  test('does not hang on the order in which fields were written, and on no other field', () => {
    const turned = Object.fromEntries(Object.entries(fields).toReversed()) as unknown as DigestFields;
    expect(digestOf(turned)).toBe(digestOf(fields));
    expect(digestOf({ ...fields, surplus: 1 } as DigestFields)).toBe(digestOf(fields));
  });

  const changes: Record<keyof DigestFields, unknown> = {
    requestId: '0190c5a2-7e4b-8a31-9f00-3b5c6d7e8f91',
    requester: '5b1f0d3c-2a44-8e19-a7c6-0d9e8f7a6b5d',
    target: 'orders-prod ',
    databases: ['orders', 'models'],
    role: 'write',
    template: 'orders_write',
    durationMs: 7_200_001,
    reasonHash: 'c'.repeat(64),
    ticket: null,
    startAt: 1_800_000_000_000,
    plan: { ...plan, policy: 'd'.repeat(64) },
  };
  test.each(Object.entries(changes))('changes with %s', (field, value) => {
    expect(digestOf({ ...fields, [field]: value })).not.toBe(digestOf(fields));
  });

  test('changes with every part of the plan: verdict, rule, limits, stages, seats and who may fill them', () => {
    if (plan.verdict !== 'approvals') throw new Error('a plan with stages');
    const [stage] = plan.stages;
    if (!stage) throw new Error('a stage');
    const others: readonly Plan[] = [
      { ...plan, rule: 'another' },
      { ...plan, limits: { ...plan.limits, maxMs: 1 } },
      { ...plan, limits: { ...plan.limits, decideWithinMs: 1 } },
      { ...plan, limits: { ...plan.limits, useWithinMs: 1 } },
      { ...plan, stages: [] },
      { ...plan, stages: [stage, stage] },
      { ...plan, stages: [{ ...stage, need: 2 }] },
      { ...plan, stages: [{ ...stage, name: 'x' }] },
      { ...plan, stages: [{ ...stage, from: [{ kind: 'group', group: 'everybody' }] }] },
      { verdict: 'automatic', policy: plan.policy, rule: plan.rule, limits: plan.limits },
      {
        verdict: 'break-glass',
        policy: plan.policy,
        rule: plan.rule,
        limits: plan.limits,
        review: { from: [], withinMs: 1 },
      },
      { verdict: 'denied', policy: plan.policy, rule: plan.rule, reasons: [] },
    ];
    const digests = others.map((other) => digestOf({ ...fields, plan: other }));
    expect(new Set([digestOf(fields), ...digests]).size).toBe(others.length + 1);
  });

  test('two requests that differ anywhere have two digests, also where texts could run into each other', () => {
    const text = fc.string({ unit: 'binary', maxLength: 8 }).filter((value) => value.isWellFormed());
    const shown = fc.record({
      target: text,
      role: text,
      template: text,
      ticket: fc.option(text),
      databases: fc.array(text, { maxLength: 2 }),
    });
    fc.assert(
      fc.property(shown, shown, (one, other) => {
        const [first, second] = [one, other].map((more) => digestOf({ ...fields, ...more } as unknown as DigestFields));
        expect(first === second).toBe(JSON.stringify(one) === JSON.stringify(other));
      }),
    );
  });

  test('refuses what has no one canonical form, rather than hashing something like it', () => {
    expect(() => digestOf({ ...fields, ticket: '\uD800' })).toThrow('surrogate');
    expect(() => digestOf({ ...fields, durationMs: Number.NaN })).toThrow('NaN');
  });
});

describe('names that are computed', () => {
  const of = {
    requestId: fields.requestId,
    digest: digestOf(fields),
    stage: 0,
    person: fields.requester,
    verdict: 'approve',
    voidsBefore: 0,
  } as const;

  test('a decision has the same id however often it is delivered, and another one when anything differs (I10)', () => {
    expect(decisionId({ ...of })).toBe(decisionId(of));
    expect(decisionId(of)).toMatch(/^[0-9a-f]{64}$/);
    const others = [
      { ...of, requestId: requestIdFrom('another') },
      { ...of, digest: digestOf({ ...fields, ticket: null }) },
      { ...of, stage: 1 },
      { ...of, person: personIdFrom('another') },
      { ...of, verdict: 'deny' as const },
      { ...of, voidsBefore: 1 },
    ];
    expect(new Set([of, ...others].map(decisionId)).size).toBe(others.length + 1);
  });

  test('a request has the id that its key gives, a UUID of version 8, and no two keys give one', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (one, other) => {
        const id = requestIdFrom(one);
        expect(isUuid(id)).toBe(true);
        expect(id).toMatch(/^.{14}8.{4}[89ab]/);
        expect(requestIdFrom(one)).toBe(id);
        if (one.toWellFormed() !== other.toWellFormed()) expect(requestIdFrom(other)).not.toBe(id);
        expect(personIdFrom(one)).not.toBe(id);
      }),
    );
  });

  test('ids are the same in every version of Curfew, for a restart must find what it began', () => {
    expect([requestIdFrom('V0123456'), personIdFrom('amara'), decisionId(of)]).toEqual([
      'e9d72ed3-7c30-8b2f-aede-1d08e8cefe47',
      '348597b3-bcb1-87ef-bcb6-492c2884aac6',
      '2cb5b1345cac6719fdfe742a12ffc984650b33acb68282f76d5fe9863c920787',
    ]);
  });

  test('a reason is hashed with its salt, so that an erased one cannot be guessed from its hash', () => {
    const salt = Buffer.alloc(16, 7);
    expect(reasonHash(salt, 'INC-12 slow query')).toBe(
      createHash('sha256')
        .update(Buffer.concat([salt, Buffer.from('INC-12 slow query')]))
        .digest('hex'),
    );
    expect(reasonHash(Buffer.alloc(16, 8), 'INC-12 slow query')).not.toBe(reasonHash(salt, 'INC-12 slow query'));
    expect(() => reasonHash(Buffer.alloc(15), 'x')).toThrow('16 bytes');
  });

  test('a policy is its text, byte for byte', () => {
    expect(policyHash('version: 1\n')).toBe(sha256('version: 1\n'));
    expect(policyHash('version: 1\n# a word\n')).not.toBe(policyHash('version: 1\n'));
  });
});
