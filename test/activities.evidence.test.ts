import { describe, expect, test } from 'vitest';
import { Evidence } from '../activities/evidence.ts';
import type { RequestId } from '../domain/ids.ts';
import type { EndReceipt } from '../targets/postgres/end.ts';

const id = '0b5a1c9e-6f4d-4c1b-9a55-3d2f3f0c7a11' as RequestId;
const firstAt = 1_800_000_000_000;
type Node = EndReceipt['nodes'][number];
type Facts = NonNullable<Node['facts']>;

const facts = (more: Partial<Facts> = {}): Facts => ({
  state: 'revoked',
  roleExists: true,
  canLogin: false,
  memberships: 0,
  sessions: 0,
  prepared: 0,
  inFlight: [],
  inRecovery: false,
  closed: 2,
  ...more,
});
const answered = (verifiedAt: number, more: Partial<Node> = {}): Node => ({
  node: 'primary',
  sessionsFound: 2,
  sessionsClosed: 2,
  ended: true,
  verifiedAt,
  facts: facts(),
  problem: null,
  ...more,
});
const receipt = (nodes: readonly Node[]): EndReceipt => ({
  grantId: id,
  outcome: 'disabled',
  memberships: 0,
  nodes,
  ended: nodes.every(({ ended }) => ended),
  startedAt: firstAt - 100,
  verifiedAt: nodes.some(({ verifiedAt }) => verifiedAt === null)
    ? null
    : Math.max(...nodes.map(({ verifiedAt }) => Number(verifiedAt))),
});
const silent: Node = {
  ...answered(0),
  ended: false,
  sessionsFound: 0,
  verifiedAt: null,
  facts: null,
  problem: 'it does not answer',
};
const later = firstAt + 90_000;

describe('an end that could not be recorded at once', () => {
  test('is as old as the first attempt after which nothing was left', () => {
    const evidence = new Evidence();
    evidence.add(id, receipt([answered(firstAt)]));
    expect(evidence.add(id, receipt([answered(later)]))).toMatchObject({
      verifiedAt: firstAt,
      rounds: 2,
      nodes: [{ sessionsFound: 2, sessionsLeft: 0, verifiedAt: firstAt }],
    });
  });

  test('is so too where a node was away in between, which is no word of anything that was left', () => {
    const evidence = new Evidence();
    evidence.add(id, receipt([answered(firstAt)]));
    expect(evidence.add(id, receipt([silent]))).toBeUndefined();
    expect(evidence.add(id, receipt([answered(later)]))?.verifiedAt).toBe(firstAt);
  });

  test.each<[string, Node]>([
    ['a session was there again', answered(later - 1_000, { sessionsFound: 3, facts: facts({ closed: 3 }) })],
    ['a session is there again', answered(later - 1_000, { ended: false, facts: facts({ sessions: 1 }) })],
    ['its login was on again', answered(later - 1_000, { ended: false, facts: facts({ canLogin: true }) })],
    ['its ledger called it active again', answered(later - 1_000, { ended: false, facts: facts({ state: 'active' }) })],
    ['another node answered', answered(later - 1_000, { node: 'standby' })],
  ])('is as old as the last of them where %s (I16)', (_, between) => {
    const evidence = new Evidence();
    evidence.add(id, receipt([answered(firstAt)]));
    evidence.add(id, receipt([between]));
    const last = { ...between, ended: true, facts: facts({ closed: between.facts?.closed ?? 0 }), verifiedAt: later };
    expect(evidence.add(id, receipt([last]))?.verifiedAt).toBeGreaterThanOrEqual(later - 1_000);
  });

  test('of a session that a standby saw again is not the first, although a standby keeps no count', () => {
    const evidence = new Evidence();
    const standby = { sessionsFound: 1, facts: facts({ inRecovery: true, closed: 0 }) };
    evidence.add(id, receipt([answered(firstAt, standby)]));
    evidence.add(id, receipt([answered(firstAt + 1_000, { ...standby, sessionsFound: 0 })]));
    expect(evidence.add(id, receipt([answered(later, { ...standby, sessionsFound: 0 })]))?.verifiedAt).toBe(firstAt);
    expect(evidence.add(id, receipt([answered(later, standby)]))?.verifiedAt).toBe(later);
  });
});

test('once recorded, nothing of it is left, and what nobody comes back for is let go of', () => {
  const evidence = new Evidence();
  evidence.add(id, receipt([answered(firstAt)]));
  evidence.forget(id);
  expect(evidence.add(id, receipt([answered(later)]))).toMatchObject({ verifiedAt: later, rounds: 1 });
  for (let other = 0; other < 10_000; other += 1) evidence.add(`${other}` as RequestId, receipt([answered(firstAt)]));
  expect(evidence.add(id, receipt([answered(later + 1)]))).toMatchObject({ rounds: 1 });
});
