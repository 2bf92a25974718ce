import { describe, expect, test } from 'vitest';
import type { PersonId, PolicyHash } from '../domain/ids.ts';
import type { GrantablePlan, Stage } from '../domain/plan.ts';
import { lapsesAt } from '../domain/progress.ts';
import { firstView } from '../service/standing.ts';
import { shown } from '../service/status.ts';
import { mine } from '../slack/views/overview.ts';
import { termSentences } from '../slack/views/terms.ts';
import { planSentence } from '../slack/views/words.ts';
import type { RequestRow } from '../store/requests.ts';
import { overviewOf } from './support/slack-statuses.ts';

const ben = '00000000-0000-4000-8000-000000000002' as PersonId;
const manager: Stage = { name: 'manager', need: 1, from: [{ kind: 'person', person: ben }] };
const security: Stage = { name: 'security', need: 1, from: [{ kind: 'group', group: 'security' }], together: true };
const owner: Stage = { name: 'data owner', need: 2, from: [{ kind: 'group', group: 'owners' }] };
const limits = { maxMs: 7_200_000, decideWithinMs: 14_400_000, useWithinMs: 14_400_000 };
const planOf = (stages: readonly Stage[]): GrantablePlan => ({
  verdict: 'approvals',
  policy: 'a'.repeat(64) as PolicyHash,
  rule: 'r',
  limits,
  stages,
});
const people = new Map([[ben, { name: 'Ben' }]]);

describe('what a plan is called', () => {
  test('stages that open together are not said to come one after the other', () => {
    expect(planSentence(planOf([manager, security, owner]), people).mrkdwn).toMatch(
      /^Needs 1 of manager \(Ben\) and 1 of security \(group security\), then 2 of data owner \(group owners\);/,
    );
  });

  test('nobody is called "somebody" where no name may be said', () => {
    expect(planSentence(planOf([manager, owner]), new Map()).mrkdwn).toMatch(
      /^Needs 1 of manager, then 2 of data owner \(group owners\);/,
    );
  });

  test('what ends it before its time is a sentence of its own', () => {
    const until = { kind: 'ticket', key: 'INC-12' } as const;
    expect(termSentences({ ...planOf([owner]), until }).map(({ mrkdwn }) => mrkdwn)).toEqual([
      'It ends as soon as ticket INC-12 is closed, if that is sooner.',
    ]);
  });
});

test('what somebody has is counted in words, one as one', () => {
  const one = mine(overviewOf(ben, ben, { waiting: [] }), new Map());
  expect(one.text).toBe('You hold 1 grant, have 2 open requests, and 0 wait for you.');
  const none = mine(overviewOf(ben, ben, { grants: [], requests: [] }), new Map());
  expect(none.text).toBe('You hold 0 grants, have 0 open requests, and 2 wait for you.');
});

describe('when a request lapses', () => {
  const openedAt = 1_700_000_000_000;
  const hurried = { ...manager, decideWithinMs: 3_600_000 };

  test('a stage that waits and has less time than the request says when', () => {
    const decideByAt = openedAt + 14_400_000;
    expect(lapsesAt([hurried, owner], [], openedAt, decideByAt)).toBe(openedAt + 3_600_000);
    expect(lapsesAt([hurried, owner], [{ stage: 0, at: openedAt + 1 }], openedAt, decideByAt)).toBe(decideByAt);
  });

  test('so does the status from which App Home and the command speak', () => {
    const plan = planOf([hurried, owner]);
    const row = { openedAt, decideByAt: openedAt + 14_400_000, startAt: null, plan } as RequestRow;
    expect(shown(row, firstView(row), undefined).lapsesAt).toBe(openedAt + 3_600_000);
  });
});
