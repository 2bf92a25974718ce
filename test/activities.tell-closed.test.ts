/**
 * Whoever reaches Temporal can have a Workflow close, or say that it did. What is shown and kept as over is what the
 * store can prove.
 */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTell } from '../activities/tell.ts';
import type { RequestId } from '../domain/ids.ts';
import type { RequestView } from '../domain/view.ts';
import * as alarms from '../store/alarms.ts';
import * as intents from '../store/intents.ts';
import * as projections from '../store/projections.ts';
import { toRow } from '../temporal/messages.ts';
import { after, quiet, runActivity, startGranting, type Claimed, type Granting } from './support/granting.ts';

let world: Granting;
beforeAll(async () => {
  world = await startGranting();
});
afterAll(() => world.end());
beforeEach(async () => {
  await world.company.restore();
  await world.check();
});

/** What the card would say, painting after painting; `slack: false` where there is none. */
function teller(slack = true) {
  const cards: string[] = [];
  const workspace = { team: 'T0HOME', approvals: 'C0APPROVE', announcements: 'C0ANNOUNCE' };
  const { tell } = createTell({
    store: world.company.store.as.curfew_worker,
    clock: Date.now,
    log: quiet,
    ...(slack && {
      slack: {
        workspace,
        repaint: (requestId: RequestId, version: number) => toRow({ kind: 'repaint', payload: { requestId, version } }),
        painter: async (_store, _id, messages) => {
          const [card] = await messages();
          cards.push(JSON.stringify(card));
          return [];
        },
      },
    }),
  });
  return { cards, tell: (requestId: RequestId, view: RequestView) => runActivity(tell, { requestId, view }) };
}

async function held(): Promise<{ readonly it: Claimed; readonly active: RequestView; readonly closed: RequestView }> {
  const it = await world.claimed();
  await world.run(world.activities().grant, it);
  const active = after(it.view, { kind: 'granted', endAt: it.endAt });
  const closed = after(after(active, { kind: 'ended', cause: 'the person left' }), { kind: 'verified' });
  return { it, active, closed };
}

const kept = (id: RequestId) => projections.viewOf(world.company.store.admin, id);
const kindsOf = async (id: RequestId) => (await world.company.audit(id)).map(({ kind }) => kind);
const alarmsOf = async (id: RequestId) =>
  (await alarms.open(world.company.store.admin)).flatMap(({ code, subject }) => (subject === id ? [code] : []));

test.each([{ slack: true }, { slack: false }])(
  'a close that no receipt proves is neither kept nor shown: it is asked to end, with an alarm (I16, I17; Slack: $slack)',
  async ({ slack }) => {
    const { it, closed } = await held();
    const { tell, cards } = teller(slack);
    for (let told = 0; told < 3; told += 1) await tell(it.requestId, closed);
    expect(await world.canLogin(it.requestId)).toBe(true);
    expect(await kept(it.requestId)).toMatchObject({ state: { kind: 'revoking', end: { outcome: 'revoked' } } });
    expect(cards).toHaveLength(slack ? 3 : 0);
    for (const card of cards) expect(card).toContain('*Ending*');
    expect(await kindsOf(it.requestId)).not.toContain('request.closed');
    const asked = await intents.ofRequest(world.company.store.admin, it.requestId);
    expect(asked).toMatchObject([{ scope: { kind: 'grant', requestId: it.requestId }, outcomes: [] }]);
    expect(await alarmsOf(it.requestId)).toEqual(['revoke-late']);
  },
);

test('once its end is verified and recorded it is shown as over, and the alarm ends (I16)', async () => {
  const { it, closed } = await held();
  const { tell, cards } = teller();
  await tell(it.requestId, closed);
  const view = await kept(it.requestId);
  if (!view) throw new Error('nothing was kept');
  await world.run(world.activities().revoke, { requestId: it.requestId, target: it.target, view });
  expect(await world.canLogin(it.requestId)).toBe(false);
  expect((await kept(it.requestId))?.state).toEqual(closed.state);
  await tell(it.requestId, closed);
  expect(cards.at(-1)).toContain('*Ended early*');
  expect(await alarmsOf(it.requestId)).toEqual([]);
  expect(await kindsOf(it.requestId)).not.toContain('request.closed');
});

test('what was ended and recorded is told as over at once, and asks for nothing', async () => {
  const { it, active, closed } = await held();
  const revoking = after(active, { kind: 'ended', cause: 'the person left' });
  await world.run(world.activities().revoke, { requestId: it.requestId, target: it.target, view: revoking });
  const { tell, cards } = teller();
  await tell(it.requestId, closed);
  expect((await kept(it.requestId))?.state).toEqual(closed.state);
  expect(cards[0]).toContain('*Ended early*');
  expect(await alarmsOf(it.requestId)).toEqual([]);
});
