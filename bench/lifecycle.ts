/**
 * What one request costs on Temporal, on a whole stack: a human-approved request that is claimed and expires, without
 * Slack, with it, and with the notice before the end; and how long a click takes until the request can be claimed.
 *
 * The counts want a quiet driver: each message is waited for before the next click, since what changes while one is
 * painted is painted together.
 */
import { Client, Connection } from '@temporalio/client';
import { codecKeyId } from '../dev/stack/settings.ts';
import { must } from '../dev/tour/report.ts';
import type { Stage } from '../dev/tour/stage.ts';
import type { PersonId, RequestId } from '../domain/ids.ts';
import { secondMs } from '../domain/time.ts';
import { actions } from '../slack/ids.ts';
import { makeVerifier } from '../targets/postgres/verifier.ts';
import { dataConverterFor } from '../temporal/codec.ts';
import { accessRequestId } from '../workflows/contract.ts';
import { startFloor } from './floor.ts';
import { countActions, countEvents } from './history.ts';
import { count, interleaved, ratio, timed, type Metric } from './metric.ts';
import { granted, ownUseCases, type How } from './use-cases.ts';

/** Exact; may only go down. */
const budgets = [
  { name: 'core', slack: false, noticeMs: 0, lifeMs: 2 * secondMs, actions: 7, events: 34 },
  { name: 'slack', slack: true, noticeMs: 0, lifeMs: 2 * secondMs, actions: 11, events: 58 },
  { name: 'slack.notice', slack: true, noticeMs: 4 * secondMs, lifeMs: 10 * secondMs, actions: 13, events: 69 },
  { name: 'two_stage', slack: true, noticeMs: 0, lifeMs: 2 * secondMs, role: 'write', actions: 13, events: 69 },
] as const;

const clicks = 20;

export async function measureLifecycle(stage: Stage): Promise<readonly Metric[]> {
  const metrics: Metric[] = [];
  for (const { name, actions: billed, events, ...how } of budgets) {
    const history = await oneLife(stage, how);
    metrics.push(count(`lifecycle.actions.${name}`, countActions(history), billed));
    metrics.push(count(`lifecycle.events.${name}`, countEvents(history), events));
  }
  return [...metrics, await clickToClaimable(stage)];
}

type Life = How & {
  readonly lifeMs: number;
  /** `write` takes the manager's word and then a data owner's; else the owner's alone. */
  readonly role?: 'write';
};

/** Amara asks, Priya approves (before her Tomáš, where it takes both), Amara claims, and its time is over. */
async function oneLife(stage: Stage, how: Life) {
  const { useCases, close } = await ownUseCases(stage.stack, how);
  try {
    const [amara, priya, tomas] = await Promise.all(['amara', 'priya', 'tomas'].map((handle) => idOf(stage, handle)));
    must(amara && priya && tomas, 'the sample people are not there');
    const slots = (...wanted: readonly string[]) => (how.slack ? posted(stage, requestId, wanted) : Promise.resolve());
    const { lifeMs: durationMs, role = 'read' } = how;
    const ask = { person: amara, kind: 'access', target: 'orders-prod', role, durationMs } as const;
    const { requestId } = granted(await useCases.open({ ...ask, reason: 'measured', key: `bench-${Date.now()}` }));
    await slots('card');
    for (const person of role === 'write' ? [tomas, priya] : [priya]) {
      const { digest } = granted(await useCases.reviewModel({ requestId, person }));
      const account = { deleted: false, bot: false, restricted: false, stranger: false, readAt: Date.now() };
      granted(await useCases.decide({ requestId, person, account, digest, verdict: 'approve' }));
      await slots(person === priya ? 'dm:approved' : 'card');
    }
    const { code } = granted(await useCases.mintCode({ requestId, person: amara }));
    granted(
      await useCases.claim({
        code,
        verifier: makeVerifier('a password of the bench'.replaceAll(' ', '-')),
        address: '127.0.0.1',
      }),
    );
    await slots('dm:held');
    await stage.waitFor(
      'closed',
      async () =>
        (
          await stage.inStore('select 1 from curfew.projection where request_id = $1 and outcome = $2', [
            requestId,
            'expired',
          ])
        ).length > 0,
      how.lifeMs + 20 * secondMs,
    );
    await slots('dm:ended');
    return await historyOf(stage, requestId);
  } finally {
    await close();
  }
}

/** A signed Review until Slack has its answer (by then the request can be claimed), against the bare Update. */
async function clickToClaimable(stage: Stage): Promise<Metric> {
  const floor = await startFloor(stage.stack.temporal);
  try {
    await floor.press();
    const times = await interleaved(
      clicks,
      async (turn) => {
        const requestId = await stage.ask('amara', `orders-prod read 10m because click ${turn}`);
        await stage.openReview('priya', requestId);
        await posted(stage, requestId, ['card', 'dm:sent']);
        const ms = await timed(() => stage.driver.submit('priya', { [actions.verdict]: 'approve' }));
        const [row] = await stage.inStore<{ state: string }>(
          'select state from curfew.projection where request_id = $1',
          [requestId],
        );
        must(row?.state === 'approved', `after the click the request is ${row?.state}`);
        await posted(stage, requestId, ['dm:approved']);
        return ms;
      },
      () => floor.press(),
    );
    return ratio('click-to-claimable.ratio', times, 1.5);
  } finally {
    await floor.end();
  }
}

async function idOf({ inStore }: Stage, handle: string): Promise<PersonId | undefined> {
  const [row] = await inStore<{ id: PersonId }>('select id from curfew.person where handle = $1', [handle]);
  return row?.id;
}

/** Until these messages of the request stand in Slack, and nothing has changed for a moment. */
export async function posted(stage: Stage, requestId: string, slots: readonly string[]): Promise<void> {
  await stage.waitFor(`the messages ${slots.join(', ')}`, async () => {
    const rows = await stage.inStore<{ slot: string }>('select slot from curfew.slack_message where request_id = $1', [
      requestId,
    ]);
    return slots.every((slot) => rows.some((row) => row.slot === slot));
  });
  await quiet(stage, requestId);
}

/** A tell ends a moment after its last message: the next click comes when Temporal has nothing more to do. */
async function quiet(stage: Stage, requestId: string): Promise<void> {
  let before = -1;
  await stage.waitFor('a quiet Workflow', async () => {
    const { events } = await historyOf(stage, requestId as RequestId);
    const now = events?.length ?? 0;
    const same = now === before && tellsUnderWay(events ?? []) === 0;
    before = now;
    return same;
  });
}

type Event = NonNullable<Awaited<ReturnType<typeof historyOf>>['events']>[number];

/** Activities that were scheduled and have not ended. */
const tellsUnderWay = (events: readonly Event[]): number =>
  events.filter((event) => event.activityTaskScheduledEventAttributes).length -
  events.filter(
    (event) =>
      event.activityTaskCompletedEventAttributes ??
      event.activityTaskFailedEventAttributes ??
      event.activityTaskTimedOutEventAttributes,
  ).length;

async function historyOf({ stack }: Stage, requestId: RequestId) {
  const connection = await Connection.connect({ address: stack.temporal.address });
  try {
    const dataConverter = dataConverterFor([
      { id: codecKeyId, key: Buffer.from(stack.settings.secrets.codecKey, 'base64') },
    ]);
    const client = new Client({ connection, namespace: stack.temporal.namespace, dataConverter });
    return await client.workflow.getHandle(accessRequestId(requestId)).fetchHistory();
  } finally {
    await connection.close();
  }
}
