import { expect, test } from 'vitest';
import { measureBundle } from '../bench/bundle.ts';
import { ownSourcesOf, sourcesOf } from './support/bundle-sources.ts';
import { lives } from './support/life.ts';
import { approvals, automatic, person, stage } from './support/requests.ts';
import { productBundle } from './support/temporal.ts';

const world = lives();

test('the bundle holds Workflows, the domain and eligibility, and no schema library, driver or SDK of Slack', async () => {
  const { code } = await productBundle();
  const sources = sourcesOf(code);
  const packages = new Set(sources.flatMap((source) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1] ?? []));
  expect([...packages].filter((name) => !name.startsWith('@temporalio/')).toSorted()).toEqual([
    'long',
    'ms',
    'nexus-rpc',
  ]);
  const elsewhere = ownSourcesOf(code).filter((file) => !/^(?:domain|workflows)\//.test(file));
  expect(elsewhere.toSorted()).toEqual(['policy/eligibility.ts', 'temporal/failure-converter.ts']);
});

test('it is hardly larger than the smallest there can be', async () => {
  expect((await measureBundle(await productBundle())).ratio).toBeLessThanOrEqual(1.05);
});

test('a request that was started on one bundle ends correctly on the next', async () => {
  await world.serve({ holdMs: 60_000 });
  const pending = await world.start({ plan: approvals([stage(2)]) });
  await pending.approve();
  const held = await world.start({ plan: automatic() });
  await held.claim();
  await held.is('active');

  // The next build: the same Workflows, other bytes, and nothing of the old one in memory.
  const { code } = await productBundle();
  await world.stopWorker();
  const { calls } = await world.serve({ holdMs: 300 }, { bundle: { code: `/* the next build */${code}` } });
  await pending.approve(person());
  await pending.claim();
  expect(await pending.outcome()).toBe('expired');
  await world.place.temporal.release(held.input.requestId, { actor: held.input.requester.id });
  expect(await held.outcome()).toBe('released');
  expect(calls.revokes).toHaveLength(2);
});

test('without a Workflow cache every task replays from the start, to the same end', async () => {
  await world.serve({ holdMs: 300 }, { maxCachedWorkflows: 0 });
  const it = await world.start({ plan: approvals([stage(2)]), slack: true });
  const leaver = person();
  await it.approve(leaver);
  await world.place.temporal.voidDecisions(it.input.requestId, { personId: leaver.id });
  await it.approve();
  await it.approve();
  await it.claim();
  expect(await it.outcome()).toBe('expired');

  const cancelled = await world.start({ plan: automatic() });
  await cancelled.is('approved');
  await cancelled.handle.cancel();
  expect(await cancelled.outcome()).toBe('cancelled');

  const refused = await world.start();
  await expect(refused.approve(person({ id: refused.input.requester.id }))).rejects.toMatchObject({
    code: 'SelfApproval',
  });
  await refused.deny();
  expect(await refused.outcome()).toBe('denied');
});
