/** Faults of Temporal: its server dies, forgets everything, or its operator interferes. Access ends on time all the same. */
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import type { RequestId } from '../../../domain/ids.ts';
import { secondMs } from '../../../domain/time.ts';
import { accessRequestId } from '../../../workflows/contract.ts';
import { eventually, until } from '../eventually.ts';
import type { Experiment } from '../experiment.ts';
import {
  approved,
  ask,
  becomes,
  codeFor,
  endsOnTime,
  enter,
  granted,
  hold,
  isClosed,
  isOver,
  isShut,
  must,
  refusesLogin,
  releaseOf,
  revokeOf,
  type Asked,
} from '../grants.ts';
import { holdTemplate, kill, start, workerWaits } from '../parts.ts';
import { oneOf, type Chance } from '../seeded.ts';
import type { World } from '../world.ts';

const handleOf = (world: World, requestId: RequestId) => world.temporal.workflow.getHandle(accessRequestId(requestId));

async function deadAcrossTheEnd(world: World): Promise<void> {
  const held = await hold(world, 7);
  await kill(world, 'temporal');
  await endsOnTime(world, held);
  // As long again as the grant was: five minutes, compressed.
  await until(held.login.endAt + 7 * secondMs);
  await start(world, 'temporal');
  await isOver(world, held.requestId, ['expired']);
}

/** Two minutes in which the reconciler doubts, a look that ends, and one that sees it ended. */
const reconciledMs = 270 * secondMs;

/** Everything that Temporal knew is gone, for ever. */
async function totalLoss(world: World): Promise<void> {
  const [held, pulled] = [await hold(world, 12), await hold(world, 120)];
  const waiting = await ask(world, 'orders', 20);
  await becomes(world, waiting.requestId, 'awaiting');
  await kill(world, 'temporal');
  rmSync(world.stack.state.file('temporal'), { recursive: true, force: true });
  world.history.write('fault', { lost: 'temporal and its database' });
  await start(world, 'temporal');
  await revokeOf(world, pulled.requestId);
  await isClosed(pulled, 10_000);
  await refusesLogin(world, pulled.login);
  await endsOnTime(world, held);
  for (const { requestId } of [held, pulled]) await isShut(world, requestId);
  // Nobody runs who would have closed them: that is the reconciler's, from store and roles alone (I19).
  for (const { requestId } of [held, pulled, waiting]) await becomes(world, requestId, 'closed', reconciledMs);
}

const moments = ['awaiting', 'approved', 'granting', 'active'] as const;

/** Terminated, a Workflow runs no clean-up: what it held ends all the same, on time or when it is pulled. */
async function terminated(world: World, chance: Chance): Promise<void> {
  const moment = oneOf(chance, moments);
  world.history.write('fault', { terminated: moment });
  const terminate = (requestId: RequestId): Promise<unknown> => handleOf(world, requestId).terminate('by an operator');
  const reconciled = (requestId: RequestId): Promise<unknown> => becomes(world, requestId, 'closed', reconciledMs);
  if (moment === 'awaiting' || moment === 'approved') {
    const asked = moment === 'awaiting' ? await ask(world, 'orders', 20) : await approved(world, 'models', 20);
    await becomes(world, asked.requestId, moment);
    await terminate(asked.requestId);
    await isShut(world, asked.requestId);
    await reconciled(asked.requestId);
    return;
  }
  if (moment === 'granting') {
    const asked = await approved(world, 'models', 10);
    const code = await codeFor(world, asked);
    const template = await holdTemplate(world, 'models_read');
    const claimed = world.claim(code);
    claimed.catch(() => undefined);
    await workerWaits(world, 'target');
    await terminate(asked.requestId);
    await template.release();
    const orphan = await enter(world, asked, await claimed);
    await endsOnTime(world, orphan);
    await reconciled(asked.requestId);
    return isShut(world, asked.requestId);
  }
  const [held, pulled] = [await hold(world, 8), await hold(world, 120)];
  await Promise.all([terminate(held.requestId), terminate(pulled.requestId)]);
  await revokeOf(world, pulled.requestId);
  await isClosed(pulled, 10_000);
  await refusesLogin(world, pulled.login);
  await endsOnTime(world, held);
  for (const { requestId } of [held, pulled]) {
    await isShut(world, requestId);
    await reconciled(requestId);
  }
}

/** Resets are possible to where a Workflow task ended. */
async function resetPoints(world: World, requestId: RequestId) {
  const { runId } = await handleOf(world, requestId).describe();
  const { events } = await handleOf(world, requestId).fetchHistory();
  return (events ?? []).flatMap(({ eventId, workflowTaskCompletedEventAttributes: ended }) =>
    ended && eventId ? [{ runId, eventId }] : [],
  );
}

async function reset(world: World, requestId: RequestId, chance: Chance): Promise<void> {
  const [first, ...more] = await resetPoints(world, requestId);
  must(first, 'its Workflow has not run yet');
  const { runId, eventId } = oneOf(chance, [first, ...more]);
  world.history.write('fault', { reset: requestId, to: String(eventId) });
  const { connection, options } = world.temporal;
  await connection.workflowService.resetWorkflowExecution({
    namespace: options.namespace,
    workflowExecution: { workflowId: accessRequestId(requestId), runId },
    reason: 'an operator tries again',
    requestId: randomUUID(),
    workflowTaskFinishEventId: eventId,
  });
}

async function resetAnywhere(world: World, chance: Chance): Promise<void> {
  const over = await hold(world, 60);
  granted(await releaseOf(world, over));
  await isOver(world, over.requestId, ['released']);
  const held = await hold(world, 10);
  await reset(world, held.requestId, chance);
  for (let times = 0; times < 3; times += 1) {
    await reset(world, over.requestId, chance);
    await handleOf(world, over.requestId).result();
    await refusesLogin(world, over.login);
  }
  await isOver(world, over.requestId, ['released']);
  await endsOnTime(world, held);
  await isOver(world, held.requestId, ['expired']);
}

async function cancelled(world: World): Promise<void> {
  const waiting = await ask(world, 'orders', 20);
  await becomes(world, waiting.requestId, 'awaiting');
  const open = await approved(world, 'models', 20);
  const held = await Promise.all([hold(world, 60), hold(world, 60), hold(world, 60)]);
  const all: readonly Asked[] = [waiting, open, ...held];
  await Promise.all(all.map(({ requestId }) => handleOf(world, requestId).cancel()));
  world.history.write('fault', { cancelled: all.length });
  for (const each of held) {
    await isClosed(each, 20_000);
    await refusesLogin(world, each.login);
  }
  for (const { requestId } of all) await isOver(world, requestId, ['cancelled']);
}

/** The relay says everything of a request again, as though nothing of it had been acknowledged. */
const sayAgain = async (world: World, requestId: RequestId): Promise<void> => {
  await world.inStore(
    `update curfew.outbox set done_at = null, attempts = 0, next_at = clock_timestamp() where payload ->> 'requestId' = $1`,
    [requestId],
  );
  await eventually(
    'all of it was said',
    async () => {
      const [row] = await world.inStore<{ n: number }>(
        `select count(*)::int as n from curfew.outbox where done_at is null and payload ->> 'requestId' = $1`,
        [requestId],
      );
      return row?.n === 0;
    },
    { withinMs: 30_000, everyMs: 100 },
  );
  world.history.write('fault', { again: requestId });
};

async function startedAgain(world: World): Promise<void> {
  const key = randomUUID();
  const asked = await ask(world, 'models', 60, { key });
  const again = await ask(world, 'models', 60, { key, who: asked.who, by: 'cut' });
  must(again.requestId === asked.requestId, 'one form made two requests');
  await becomes(world, asked.requestId, 'approved');
  await sayAgain(world, asked.requestId);
  const held = await enter(world, asked, await world.claim(await codeFor(world, asked)));
  await sayAgain(world, asked.requestId);
  must(held.endedAt() === undefined, 'a start that came twice ended the session');
  granted(await releaseOf(world, held));
  await isOver(world, asked.requestId, ['released']);
  const { runId } = await handleOf(world, asked.requestId).describe();
  await sayAgain(world, asked.requestId);
  must((await handleOf(world, asked.requestId).describe()).runId === runId, 'a closed request was started again');
  // After the retention the server knows nothing of it any more.
  const { connection, options } = world.temporal;
  await connection.workflowService.deleteWorkflowExecution({
    namespace: options.namespace,
    workflowExecution: { workflowId: accessRequestId(asked.requestId), runId },
  });
  await eventually(
    'the server has forgotten it',
    () =>
      handleOf(world, asked.requestId)
        .describe()
        .then(
          () => false,
          () => true,
        ),
    { withinMs: 60_000, everyMs: 500 },
  );
  await sayAgain(world, asked.requestId);
  await isOver(world, asked.requestId, ['released']);
  await refusesLogin(world, held.login);
}

export const temporal: readonly Experiment[] = [
  {
    fault: 10,
    name: 'Temporal dead across an end keeps nobody in',
    holds: ['I2', 'I3'],
    busy: true,
    takes: 25,
    run: deadAcrossTheEnd,
  },
  {
    fault: 11,
    name: 'Temporal lost with all that it knew keeps nobody in',
    holds: ['I2', 'I3', 'I4', 'I19'],
    busy: false,
    takes: 200,
    run: totalLoss,
  },
  {
    fault: 12,
    name: 'a Workflow terminated in any state leaves access that ends on time, or when it is pulled',
    holds: ['I2', 'I3', 'I4'],
    busy: true,
    takes: 75,
    run: terminated,
  },
  {
    fault: 13,
    name: 'a Workflow that is reset to anywhere brings nothing back and takes nothing away',
    holds: ['I4', 'I5'],
    busy: true,
    takes: 25,
    run: resetAnywhere,
  },
  {
    fault: 14,
    name: 'many Workflows cancelled at once clean up after themselves',
    holds: ['I2', 'I4'],
    busy: true,
    takes: 15,
    run: cancelled,
  },
  {
    fault: 16,
    name: 'what is started or said again, after the close and after the retention too, has no second effect',
    holds: ['I4', 'I10'],
    busy: true,
    takes: 20,
    run: startedAgain,
  },
];
