/** What the policy may say of what people hold on the approval of somebody who has left. */
import { expect, test } from 'vitest';
import { changedDuties } from '../policy/compare-duties.ts';
import { parsePolicy } from '../policy/parse.ts';
import { policyText } from './support/company.ts';

const load = (more: string) => {
  const parsed = parsePolicy(`${policyText()}${more}`);
  if (!parsed.ok) throw new Error(parsed.issues.map(({ message }) => message).join('\n'));
  return parsed.policy;
};

test('it is kept where the policy says nothing, and else as it says', () => {
  expect(load('').leaverApprovals).toBe('keep');
  for (const rule of ['keep', 'ask', 'revoke'] as const) {
    expect(load(`leavers: { approvals: ${rule} }\n`).leaverApprovals).toBe(rule);
  }
});

test('another word is a mistake, which names those that there are', () => {
  const parsed = parsePolicy(`${policyText()}leavers: { approvals: burn }\n`);
  expect(parsed.ok ? [] : parsed.issues.map(({ message }) => message)).toContain(
    'approvals of leavers are keep, ask, revoke',
  );
});

test('whoever approves another policy sees that it changes', () => {
  expect(changedDuties(load(''), load('leavers: { approvals: revoke }\n'))).toContain(
    'what rests on the approval of a leaver: revoke instead of keep',
  );
  expect(changedDuties(load(''), load('leavers: { approvals: keep }\n'))).toEqual([]);
});
