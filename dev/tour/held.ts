/** What is held may last longer, with the same login, or end sooner, with what it was given for. */
import type { Client } from 'pg';
import { actions } from '../../slack/ids.ts';
import { controlDatabase } from '../company/targets.ts';
import { elementsOf } from '../slack/block-kit.ts';
import { shownText } from '../slack/shown.ts';
import { receiptOf, refusedLogin } from './first-request.ts';
import { incidentResolved } from './hooks.ts';
import { must } from './report.ts';
import { approves } from './review.ts';
import type { Login, Stage } from './stage.ts';

const extendedSeconds = 14;

type Extended = {
  readonly login: Login;
  readonly session: Client;
  readonly pid: number | undefined;
  readonly answer: string;
  readonly target: { readonly validUntil: number; readonly ledger: number };
};

/** Extend in Slack: the target moves ledger and login together, before the old end. */
export async function extendedOnTarget(stage: Stage): Promise<Extended> {
  const { driver } = stage;
  const requestId = await stage.ask('mei', `models-prod read ${extendedSeconds}s because checking label drift`);
  const login = await stage.claim('mei', requestId);
  const session = await stage.connect(login);
  const pid = await backendOf(session);
  const message = await driver.eventually('the message with Extend', async () =>
    (await driver.dms('mei')).find((one) =>
      elementsOf(one['blocks']).some(
        ({ actionId, element }) => actionId === actions.extend && element['value'] === requestId,
      ),
    ),
  );
  const before = driver.ephemerals('mei').length;
  await driver.press('mei', message, actions.extend);
  const newEndAt = login.endAt + extendedSeconds * 1_000;
  const target = await stage.waitFor('the later end on the target', async () => {
    const read = await endsOf(stage, login);
    return read.validUntil === newEndAt && read;
  });
  must(target.ledger === newEndAt, 'the ledger has another end than VALID UNTIL');
  must(Date.now() < login.endAt, 'it was extended after its end');
  const answer = await driver.eventually('the answer to Extend', () => {
    const all = driver.ephemerals('mei');
    return all.slice(0, all.length - before).map((one) => shownText(one['blocks']) || one.text)[0];
  });
  return { login, session, pid, answer, target };
}

/** Past the old end the session that was open has noticed nothing, and the old password still logs in. */
export async function goesOn(stage: Stage, { login, session, pid, answer, target }: Extended) {
  await stage.waitFor('the old end to be over', async () => Date.now() > login.endAt + 2_000, extendedSeconds * 1_500);
  must((await backendOf(session)) === pid, 'the session is another one');
  const again = await stage.connect(login);
  const { rows } = await again.query<{ now: Date }>('select now()');
  await Promise.all([again.end(), session.end()]);
  return {
    requestId: login.requestId,
    answer,
    oldEnd: new Date(login.endAt).toISOString(),
    validUntil: new Date(target.validUntil).toISOString(),
    ledgerUntil: new Date(target.ledger).toISOString(),
    sameSession: pid,
    newLoginAt: rows[0]?.now.toISOString(),
  };
}

const backendOf = async (session: Client): Promise<number | undefined> =>
  (await session.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid;

/** As the target's catalog and its ledger have it, epoch ms. */
async function endsOf(stage: Stage, { role, requestId }: Login) {
  const [catalog] = await stage.onTarget<{ until: Date }>(
    'select rolvaliduntil as until from pg_roles where rolname = $1',
    [role],
  );
  const [ledger] = await stage.onTarget<{ until: Date }>(
    'select until from curfew.ledger where grant_id = $1',
    [requestId],
    controlDatabase,
  );
  must(catalog && ledger, 'the target does not know this grant');
  return { validUntil: catalog.until.getTime(), ledger: ledger.until.getTime() };
}

/** Given while the incident lasts; the incident's tool says that it is resolved, and nothing else happens. */
export async function conditionEnded(stage: Stage, requestId: string | undefined, incident: string) {
  must(requestId, 'there is no request for an incident');
  await approves(stage, 'priya', requestId);
  const login = await stage.claim('jonas', requestId);
  const session = await stage.connect(login);
  const gone = new Promise<number>((resolve) => session.once('end', () => resolve(Date.now())));
  const { sentAt, status } = await incidentResolved(stage, incident);
  const endedAt = await stage.waitFor('the session to end', () =>
    Promise.race([gone, new Promise<null>((later) => setTimeout(later, 50, null))]),
  );
  must(endedAt < login.endAt, 'it ended by its time');
  const { sqlstate } = await refusedLogin(stage, login);
  const receipt = await receiptOf(stage, requestId, 'revoked', 'jonas');
  must(receipt.card.includes('the incident was resolved'), `the card says ${receipt.card}`);
  return {
    requestId,
    until: incident,
    hook: status,
    closedAfterMs: endedAt - sentAt,
    loginAfterwards: sqlstate,
    ...receipt,
  };
}
