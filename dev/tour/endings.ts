/** All the other ways in which access ends, and what a stolen worker login cannot do. */
import { Client, type DatabaseError } from 'pg';
import { actions, callbacks } from '../../slack/ids.ts';
import { controlDatabase } from '../company/targets.ts';
import { slackChannels } from '../company/workspace.ts';
import { elementsOf } from '../slack/block-kit.ts';
import { receiptOf, refusedLogin, sessionsOf } from './first-request.ts';
import { release } from './holding.ts';
import { hrSays } from './hooks.ts';
import { must, type Report } from './report.ts';
import type { Login, Stage } from './stage.ts';

export async function endings(stage: Stage, { step }: Report): Promise<void> {
  await step('released', () => released(stage));
  await step('worker-alone-cannot-grant', () => workerAlone(stage));
  let left: Login | undefined;
  await step('reaper-alone', async () => {
    left = await automatic(stage, 'mei', 6);
    return reaperAlone(stage, left);
  });
  await step('recovered', async () => {
    must(left, 'there was no grant to recover');
    return recovered(stage, left);
  });
  await step('leaver-ended', () => leaverEnded(stage));
  await step('break-glass-ended', () => breakGlassEnded(stage));
}

/** ML engineers read models without anybody's approval. */
async function automatic(stage: Stage, who: string, seconds: number): Promise<Login> {
  const requestId = await stage.ask(who, `models-prod read ${seconds}s because checking label drift`);
  return stage.claim(who, requestId);
}

async function released(stage: Stage) {
  const login = await automatic(stage, 'mei', 600);
  const session = await stage.connect(login);
  const gone = new Promise((resolve) => session.once('end', resolve));
  await release(stage, 'mei', login.requestId);
  await gone;
  const { sqlstate } = await refusedLogin(stage, login);
  const { outcome, sessionsClosed } = await receiptOf(stage, login.requestId, 'released', 'mei');
  return { outcome, sessionsClosed, loginAfterwards: sqlstate };
}

/** The worker's own credential on the target, by hand: EXECUTE on grant, and no ticket. */
async function workerAlone(stage: Stage) {
  const { ports, secrets } = stage.stack.settings;
  const client = new Client({
    host: '127.0.0.1',
    port: ports.target,
    database: controlDatabase,
    user: 'curfew_worker',
    password: secrets.targetWorker,
  });
  await client.connect();
  try {
    const [template] = ['models_write'];
    const verifier = `SCRAM-SHA-256$4096:${'A'.repeat(22)}==$${'A'.repeat(43)}=:${'A'.repeat(43)}=`;
    const attempt = (key: string, ticket: Buffer | null): Promise<string> =>
      client
        .query(
          `select * from curfew.grant(gen_random_uuid(), gen_random_uuid(), $1, $2, date_trunc('milliseconds', now() + interval '1 minute'), now() + interval '5 s', $3, $4, '0', 9007199254740991)`,
          [template, verifier, key, ticket],
        )
        .then(
          () => 'granted',
          (error: unknown) => {
            stage.errors.push(String(error));
            return (error as DatabaseError).code ?? 'none';
          },
        );
    const rolesBefore = await roles(stage);
    const forged = await attempt('dev', Buffer.alloc(32, 1));
    const empty = await attempt('dev', Buffer.alloc(0));
    const missing = await attempt('dev', null);
    const unknownKey = await attempt('stolen', Buffer.alloc(32, 1));
    must(
      forged === 'CF013' && empty === 'CF013' && unknownKey === 'CF013' && missing === 'CF008',
      `it answered ${[forged, empty, missing, unknownKey].join(', ')}`,
    );
    must((await roles(stage)) === rolesBefore, 'a role was made');
    return { forged, empty, missing, unknownKey };
  } finally {
    await client.end();
  }
}

async function roles({ onTarget }: Stage): Promise<number> {
  const [row] = await onTarget<{ n: number }>(
    String.raw`select count(*)::int as n from pg_roles where rolname like 'cfw\_%'`,
  );
  return row?.n ?? Number.NaN;
}

/** Worker, Temporal and store are gone; the target's own clock and ledger are all that is left to the reaper. */
async function reaperAlone(stage: Stage, login: Login) {
  const { stack } = stage;
  const session = await stage.connect(login);
  await session.query('begin');
  const gone = new Promise<number>((resolve) => session.once('end', () => resolve(Date.now())));
  await stack.worker.kill('SIGKILL');
  await stack.temporal.kill();
  await stack.store.stop();
  must(Date.now() < login.endAt, 'the grant was over before everything else was dead');
  const endedAt = await stage.waitFor(
    'the session to end',
    () => Promise.race([gone, new Promise<null>((later) => setTimeout(later, 50, null))]),
    login.endAt - Date.now() + 5_000,
  );
  must(
    endedAt >= login.endAt && endedAt <= login.endAt + 2_000,
    `the session ended ${endedAt - login.endAt} ms after its time`,
  );
  must((await sessionsOf(stage, login.role)) === 0, 'the target still has a session');
  const { sqlstate } = await refusedLogin(stage, login);
  return { dead: ['worker', 'temporal', 'store'], afterEndMs: endedAt - login.endAt, loginAfterwards: sqlstate };
}

async function recovered(stage: Stage, login: Login) {
  const { stack } = stage;
  await stack.store.start();
  await stack.temporal.start();
  await stack.worker.start();
  const { outcome, verifiedAt } = await stage.waitFor(
    'the Workflow to close',
    () => receiptOf(stage, login.requestId, 'expired', 'mei'),
    60_000,
  );
  return { outcome, verifiedAt };
}

/** HR says that somebody left: a signed webhook, and nothing else. */
async function leaverEnded(stage: Stage) {
  const login = await automatic(stage, 'diego', 600);
  const session = await stage.connect(login);
  const gone = new Promise<number>((resolve) => session.once('end', () => resolve(Date.now())));
  const open = await stage.ask('diego', 'models-prod write 5m because relabelling');
  const { sentAt, status } = await hrSays(stage, 'diego', 'left');
  const endedAt = await gone;
  await refusedLogin(stage, login);
  const { outcome } = await receiptOf(stage, login.requestId, 'revoked', 'diego');
  const withdrawn = await stage.waitFor('the open request to close', async () => {
    const [row] = await stage.inStore<{ outcome: string }>(
      `select outcome from curfew.projection where request_id = $1 and state = 'closed'`,
      [open],
    );
    return row?.outcome;
  });
  must(withdrawn === 'withdrawn', `the open request closed as ${withdrawn}`);
  return { hook: status, closedAfterMs: endedAt - sentAt, grant: outcome, openRequest: withdrawn };
}

/** No approval: announced first, short, and reviewed by somebody else. */
async function breakGlassEnded(stage: Stage) {
  const { driver } = stage;
  const requestId = await stage.ask('yuki', 'breakglass orders-prod write 6s INC-12 "checkout down"');
  const announced = await driver.eventually('the announcement', () => driver.newest(slackChannels.ops, 'INC-12'));
  const [entry] = await stage.inStore<{ announced: Date; granted: Date | null }>(
    `select min(at) filter (where kind = 'breakglass.announced') as announced, min(at) filter (where kind = 'grant.made') as granted from audit.entry where subject = $1`,
    [requestId],
  );
  must(entry?.announced && !entry.granted, 'it was not announced before there was a credential');
  const login = await stage.claim('yuki', requestId);
  const session = await stage.connect(login);
  await session.query(`update shop.orders set status = 'paid' where id = (select min(id) from shop.orders)`);
  const { outcome } = await receiptOf(stage, requestId, 'expired', 'yuki');
  await refusedLogin(stage, login);
  const review = await driver.eventually('the request for a review', async () =>
    (await driver.messages(slackChannels.ops)).find((one) =>
      elementsOf(one['blocks']).some(
        (element) => element.actionId === actions.reviewBreakGlass && element.element['value'] === requestId,
      ),
    ),
  );
  await driver.press('noor', review, actions.reviewBreakGlass);
  await driver.waitForModal('noor', callbacks.review);
  const submitted = await driver.submit('noor', {
    [actions.finding]: 'justified',
    [actions.note]: 'The checkout was down, and the fix is in the log.',
  });
  must(Object.keys(submitted.errors).length === 0, `the review was answered ${JSON.stringify(submitted.errors)}`);
  const recorded = await stage.waitFor(
    'the review',
    async () =>
      (
        await stage.inStore<{ verdict: string }>('select verdict from curfew.review where request_id = $1', [requestId])
      )[0]?.verdict,
  );
  return { announced: announced.text, outcome, review: recorded, by: 'noor' };
}
