import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { RequestView } from '../domain/view.ts';
import * as grants from '../store/grants.ts';
import * as intents from '../store/intents.ts';
import type { Store } from '../store/pool.ts';
import * as projections from '../store/projections.ts';
import type { LeaveInput } from '../workflows/contract.ts';
import { ok } from './support/company.ts';
import { eventually } from './support/eventually.ts';
import { after, ordersProd, startGranting, type Granting } from './support/granting.ts';

let world: Granting;
beforeAll(async () => {
  world = await startGranting();
});
afterAll(() => world.end());
beforeEach(async () => {
  await world.company.restore();
  await world.check();
});

async function heldTwice(more: Parameters<Granting['activities']>[0] = {}) {
  const held = [await world.claimed(), await world.claimed()];
  const activities = world.activities(more);
  for (const it of held) await world.run(activities.grant, it);
  return { held, activities, admin: world.company.store.admin };
}

async function leaves(handle: 'ada'): Promise<LeaveInput> {
  const version = world.company.nextVersion();
  world.company.now = Date.now();
  const who = { handle };
  const actor = 'curfew_directory';
  ok(await world.company.use.leave({ source: 'hr', event: `event-${version}`, who, state: 'left', version, actor }));
  const input = world.company.temporal.leaves.findLast(({ personId }) => personId === world.company.id(handle));
  if (!input) throw new Error('no leave was started');
  return input;
}

const entriesOf = async (id: string) =>
  (await world.company.audit(id)).filter(({ kind }) => kind === 'grant.ended' || kind === 'request.closed');

test('all that a leaver holds is ended, verified and recorded as each revoke would have done it (I9, I11, I16)', async () => {
  const { held, activities, admin } = await heldTwice();
  const input = await leaves('ada');
  expect(await world.run(activities.endTogether, input)).toEqual({ ended: 2 });
  for (const it of held) {
    expect(await world.canLogin(it.requestId)).toBe(false);
    const { revoke } = await grants.receipts(admin, it.requestId);
    expect(revoke?.nodes).toMatchObject([{ node: 'primary', sessionsLeft: 0, canLogin: false, ended: true }]);
    const active = after(it.view, { kind: 'granted', endAt: it.endAt });
    expect(await projections.viewOf(admin, it.requestId)).toMatchObject({
      version: active.version + 2,
      state: { kind: 'closed', outcome: 'revoked', cause: 'the person left' },
    });
    expect(await entriesOf(it.requestId)).toMatchObject([{ kind: 'grant.ended', body: { outcome: 'revoked' } }]);
    const asked = (await intents.ofRequest(admin, it.requestId)).filter(({ scope }) => scope.kind === 'grant');
    expect(asked.map(({ outcomes }) => outcomes.map(({ target }) => target))).toEqual([[ordersProd]]);
  }
  expect(await grants.live(admin)).toEqual([]);
});

test('a store that is away makes no end of a leaver any later (I17, I18)', async () => {
  const real = world.company.store.as.curfew_worker;
  let away = false;
  const store: Store = {
    ...real,
    transaction: (work) => (away ? Promise.reject(new Error('the store is away')) : real.transaction(work)),
  };
  const { held, activities, admin } = await heldTwice({ store });
  const input = await leaves('ada');
  away = true;
  await expect(world.run(activities.endTogether, input)).rejects.toThrow();
  for (const { requestId } of held) expect(await world.canLogin(requestId)).toBe(false);
  away = false;
  const backAt = Date.now();
  expect(await world.run(activities.endTogether, input)).toEqual({ ended: 2 });
  for (const { requestId } of held)
    expect((await grants.receipts(admin, requestId)).revoke?.verifiedAt).toBeLessThan(backAt);
});

test('a repeat, and a Workflow’s own revoke after it, change nothing that was written (I10)', async () => {
  const { held, activities, admin } = await heldTwice();
  const input = await leaves('ada');
  await world.run(activities.endTogether, input);
  const [it] = held;
  if (!it) throw new Error('nothing is held');
  const before = [await grants.receipts(admin, it.requestId), await entriesOf(it.requestId)];
  expect(await world.run(activities.endTogether, input)).toEqual({ ended: 0 });
  const active: RequestView = after(it.view, { kind: 'granted', endAt: it.endAt });
  const view = after(active, { kind: 'ended', cause: 'the person left' });
  await world.run(activities.revoke, { requestId: it.requestId, target: it.target, view });
  expect([await grants.receipts(admin, it.requestId), await entriesOf(it.requestId)]).toEqual(before);
});

test('what its target does not call ended is not recorded, and is left to its own Workflow (I16, I17)', async () => {
  const revoker = { end: () => Promise.reject(new Error('the target does not answer')) };
  const { held, activities, admin } = await heldTwice({ cluster: { ...world.cluster, revoker } });
  expect(await world.run(activities.endTogether, await leaves('ada'))).toEqual({ ended: 0 });
  for (const it of held) {
    expect((await grants.receipts(admin, it.requestId)).revoke).toBeUndefined();
    expect((await projections.viewOf(admin, it.requestId))?.state.kind).toBe('active');
  }
});

test('a Workflow that moves on meanwhile does not leave a view of what it held as active (I11, I19)', async () => {
  const { held, admin } = await heldTwice();
  const [it] = held;
  if (!it) throw new Error('nothing is held');
  const worker = world.company.store.as.curfew_worker;
  const active = after(it.view, { kind: 'granted', endAt: it.endAt });
  const moved = { ...active, version: active.version + 2 };
  const saves: Promise<unknown>[] = [];
  const between: Store = {
    ...worker,
    transaction: (work) =>
      worker.transaction((tx) =>
        work({
          query: async <Row>(text: string, values?: readonly unknown[]) => {
            const rows = await tx.query<Row>(text, values);
            if (saves.length > 0 || !/^\s*select [^;]* from curfew.projection/.test(text)) return rows;
            let isOver = false;
            saves.push(projections.save(worker, it.requestId, moved, Date.now()).finally(() => (isOver = true)));
            await eventually('it is there, or waits', async () => isOver || (await waits(admin)));
            return rows;
          },
        }),
      ),
  };
  await world.run(world.activities({ store: between }).endTogether, await leaves('ada'));
  await Promise.all(saves);
  expect(saves).toHaveLength(1);
  for (const { requestId } of held)
    expect((await projections.viewOf(admin, requestId))?.state).toMatchObject({ kind: 'closed', outcome: 'revoked' });
});

const waits = async (admin: Store): Promise<boolean> =>
  (
    await admin.query(
      `select from pg_stat_activity where wait_event_type = 'Lock' and query like 'insert into curfew.projection%'`,
    )
  ).length > 0;
