import { expect, test } from 'vitest';
import { cachedAccounts, factsFrom, type SlackUser } from '../slack/identity.ts';
import type { SlackAccount } from '../slack/service.ts';
import { keptLog } from './support/slack-desk.ts';

const account = { team: 'T1', user: 'U1' };
const member: SlackUser = { id: 'U1', team_id: 'T1' };

const flags: readonly [what: string, user: SlackUser | undefined, facts: object][] = [
  ['a full member', member, {}],
  ['somebody who was deactivated', { ...member, deleted: true }, { deleted: true }],
  ['a bot', { ...member, is_bot: true }, { bot: true }],
  ['an app', { ...member, is_app_user: true }, { bot: true }],
  ['a guest of several channels', { ...member, is_restricted: true }, { restricted: true }],
  ['a guest of one channel', { ...member, is_ultra_restricted: true }, { restricted: true }],
  ['a stranger', { ...member, is_stranger: true }, { stranger: true }],
  ['somebody of another workspace', { ...member, team_id: 'T2' }, { stranger: true }],
  ['another user than was asked for', { ...member, id: 'U2' }, { stranger: true }],
  ['a user without a workspace', { id: 'U1' }, { stranger: true }],
  ['nobody', undefined, { stranger: true }],
];
test.each(flags)('%s', (_what, user, facts) => {
  const plain = { deleted: false, bot: false, restricted: false, stranger: false, readAt: 7 };
  expect(factsFrom(user, account, 7)).toEqual({ ...plain, ...facts });
});

function accounts(ask: () => Promise<SlackUser | undefined>, waitMs = 1_000) {
  const time = { now: 1_000_000 };
  const asked = { times: 0 };
  const log = keptLog();
  const kept = cachedAccounts({
    ask: () => {
      asked.times += 1;
      return ask();
    },
    clock: () => time.now,
    log,
    waitMs,
  });
  return { factsOf: (who: SlackAccount) => kept.factsOf(who), time, asked, log };
}

test('what Slack said is kept for a minute and not longer', async () => {
  const { factsOf, time, asked } = accounts(async () => member);
  const first = await factsOf(account);
  time.now += 60_000;
  expect(await factsOf(account)).toBe(first);
  time.now += 1;
  expect((await factsOf(account))?.readAt).toBe(time.now);
  expect(asked.times).toBe(2);
});

test('the same user in another workspace is another account', async () => {
  const { factsOf } = accounts(async () => member);
  expect((await factsOf(account))?.stranger).toBe(false);
  expect((await factsOf({ ...account, team: 'T2' }))?.stranger).toBe(true);
});

test('one question at a time is asked of Slack', async () => {
  const { factsOf, asked } = accounts(async () => member);
  await Promise.all([factsOf(account), factsOf(account), factsOf(account)]);
  expect(asked.times).toBe(1);
});

test('facts are as old as the question, not as the answer', async () => {
  const parts = accounts(async () => {
    parts.time.now += 5_000;
    return member;
  });
  expect((await parts.factsOf(account))?.readAt).toBe(1_000_000);
});

test('a late answer is not waited for, and serves the next click', async () => {
  let answer: ((user: SlackUser) => void) | undefined;
  const slow = new Promise<SlackUser>((resolve) => {
    answer = resolve;
  });
  const { factsOf, asked } = accounts(() => slow, 20);
  expect(await factsOf(account)).toBeUndefined();
  answer?.(member);
  await slow;
  expect(await factsOf(account)).toMatchObject({ stranger: false });
  expect(asked.times).toBe(1);
});

test('an error of Slack’s is no knowledge, and is asked again', async () => {
  const { factsOf, asked, log } = accounts(async () => {
    throw new Error('slack is down');
  });
  expect([await factsOf(account), await factsOf(account)]).toEqual([undefined, undefined]);
  expect([asked.times, log.lines.length]).toEqual([2, 2]);
  expect(JSON.stringify(log.lines.map(({ fields }) => Object.values(fields)))).not.toContain(account.user);
});
