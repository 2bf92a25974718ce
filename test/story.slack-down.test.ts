/** On the whole real stack: with Slack away access ends on time, and Slack shows it once it is back. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Fault } from '../dev/slack/faults.ts';
import { eventually } from './support/eventually.ts';
import { openTheatre, type Theatre } from './support/stage.ts';

let stage: Theatre;
beforeAll(async () => {
  stage = await openTheatre();
});
afterAll(() => stage?.end());
afterEach(async () => {
  await stage.settled();
  expect(await stage.findings()).toEqual([]);
});

const outages: readonly (readonly [string, Fault])[] = [
  ['hangs', { kind: 'hang', forMs: 20_000 }],
  ['answers 500', { kind: 'status', status: 500 }],
];

test.each(outages)(
  'while Slack %s a grant ends on time, and the card says so once Slack is back',
  async (_how, fault) => {
    const requestId = await stage.ask('mei', 'models-prod read 8s because checking label drift');
    const login = await stage.login('mei', requestId);
    await stage.is(requestId, 'active');
    const session = await stage.connect(login);
    let endedAt: number | undefined;
    session.once('end', () => (endedAt = Date.now()));
    await session.query('begin');

    const back = stage.workspace.recorder.fault(fault);
    try {
      const at = await eventually('the session is closed', () => endedAt, { withinMs: 20_000 });
      expect(at - login.endAt).toBeGreaterThanOrEqual(0);
      expect(at - login.endAt).toBeLessThanOrEqual(2_000);
      expect(await stage.ledgerOf(requestId)).toBe('revoked');
      await stage.is(requestId, 'closed');
      expect((await stage.cardOf(requestId)).text).not.toContain('Ended');
    } finally {
      back();
    }
    await stage.inStore(`update curfew.outbox set next_at = clock_timestamp() where done_at is null`);
    await eventually('the card says it', async () => (await stage.cardOf(requestId)).text.includes('Ended'), {
      withinMs: 45_000,
    });
    await stage.settled();
    expect(await stage.endingOf(requestId, 'mei')).toMatchObject({
      outcome: 'expired',
      cards: 1,
      cardSaysEnded: true,
      endTold: 1,
      canLogin: false,
      sessions: 0,
    });
    const raised = await stage.inStore<{ n: number }>(
      `select count(*)::int as n from audit.entry where kind = 'alarm.raised' group by subject`,
    );
    expect(raised.every(({ n }) => n <= 1)).toBe(true);
  },
);
