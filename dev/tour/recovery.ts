/** What operators break by hand, on Temporal and on a target, and what becomes of it. */
import { randomBytes } from 'node:crypto';
import { Client, type DatabaseError } from 'pg';
import type { RequestId } from '../../domain/ids.ts';
import { roleOf } from '../../domain/ids.ts';
import { accessRequestId } from '../../workflows/contract.ts';
import { controlDatabase } from '../company/targets.ts';
import { superuserUrl } from '../stack/environments.ts';
import { receiptOf, refusedLogin, sessionsOf } from './first-request.ts';
import { holding, untilGone, type Held } from './holding.ts';
import { must, type Report } from './report.ts';
import type { Stage } from './stage.ts';
import { lookNow, withTemporal } from './temporal.ts';

/** @param begun by `terminated`: its time passes while others decide */
export async function recovery(stage: Stage, { step }: Report, begun: Promise<Held>): Promise<void> {
  await step('terminated-workflow-still-ends', async () => stillEnds(stage, await begun));
  await step('unknown-role-disabled', () => unknownRole(stage));
}

const lifeSeconds = 8;

/** An operator terminates the Workflow that was to end it; nobody is left who would. */
export async function terminated(stage: Stage): Promise<Held> {
  const line = `orders-prod read ${lifeSeconds}s because INC-13 the report is late`;
  const held = await holding(stage, 'jonas', line, ['kwame']);
  const workflowId = accessRequestId(held.requestId as RequestId);
  await withTemporal(stage, (client) => client.workflow.getHandle(workflowId).terminate('the tour terminates it'));
  must(Date.now() < held.login.endAt, 'it was over before its Workflow was terminated');
  return held;
}

async function stillEnds(stage: Stage, held: Held) {
  const { requestId, login } = held;
  const endedAt = await untilGone(stage, held, login.endAt - Date.now() + 5_000);
  must(endedAt <= login.endAt + 2_000, `the session ended ${endedAt - login.endAt} ms after its time`);
  const { sqlstate } = await refusedLogin(stage, login);
  // What follows is the reconciler's, which looks every minute.
  const receipt = await stage.waitFor(
    'the request to close',
    async () => {
      await lookNow(stage);
      return receiptOf(stage, requestId, 'cancelled', 'jonas');
    },
    60_000,
  );
  const agreed = await agreement(stage, requestId, login.role);
  return {
    requestId,
    // Before its time where the reconciler has looked in these seconds.
    afterEndMs: endedAt - login.endAt,
    loginAfterwards: sqlstate,
    ...receipt,
    ...agreed,
  };
}

/** The store, the ledger and the catalog have it ended, and nobody finds anything about it any more. */
async function agreement(stage: Stage, requestId: string, role: string) {
  const [store] = await stage.inStore<{ endedAt: Date | null; state: string }>(
    `select g.ended_at as "endedAt", p.state from curfew.access_grant g join curfew.projection p using (request_id)
     where g.request_id = $1`,
    [requestId],
  );
  const [ledger] = await stage.onTarget<{ state: string }>(
    'select state from curfew.ledger where grant_id = $1',
    [requestId],
    controlDatabase,
  );
  must(store?.endedAt && store.state === 'closed', 'the store does not have it ended');
  must(ledger?.state === 'revoked', `the ledger has it ${ledger?.state}`);
  must(!(await canLogIn(stage, role)), 'its role can log in');
  must((await sessionsOf(stage, role)) === 0, 'its role has a session');
  return { store: store.state, ledger: ledger.state, findings: await untilNotFound(stage, requestId) };
}

type Finding = { readonly subject: string; readonly kind: string; readonly detail: string; readonly did: string };

/** Open ones, as `curfew findings` lists them. */
async function findingsOf(stage: Stage, ...subjects: readonly string[]): Promise<readonly Finding[]> {
  const { out } = await stage.curfew(['findings', '--json']);
  return (JSON.parse(out) as readonly Finding[]).filter(({ subject }) => subjects.includes(subject));
}

const untilNotFound = (stage: Stage, ...subjects: readonly string[]): Promise<string> =>
  stage.waitFor(
    `nothing found of ${subjects.join(', ')}`,
    async () => {
      await lookNow(stage);
      return (await findingsOf(stage, ...subjects)).length === 0 && 'none';
    },
    60_000,
  );

const canLogIn = async ({ onTarget }: Stage, role: string): Promise<boolean> =>
  (await onTarget<{ can: boolean }>('select rolcanlogin as can from pg_roles where rolname = $1', [role]))[0]?.can ??
  false;

/**
 * Roles with the names of grants that nobody made. Where Curfew is no superuser it may change what its own role there
 * administers, such as a role of its own that came back with a backup; what a superuser made is the superuser's, and is
 * found and told until they take it away.
 */
async function unknownRole(stage: Stage) {
  const [asGrant, nearly, superusers] = [roleOf(crypto.randomUUID() as RequestId), 'cfw_backdoor', 'cfw_superusers'];
  const made = [await madeByHand(stage, asGrant), await madeByHand(stage, nearly)];
  await stage.onTarget(`create role ${superusers} login`);
  const found = await stage.waitFor(
    'both to be found',
    async () => {
      await lookNow(stage);
      const open = await findingsOf(stage, nearly, superusers);
      return open.length === 2 && Object.fromEntries(open.map(({ subject, did }) => [subject, did]));
    },
    60_000,
  );
  const alarms = await alarmsOf(stage, [asGrant, nearly, superusers]);
  must(
    [nearly, superusers].every((role) => alarms.some(({ subject }) => subject === role)),
    'nobody is alarmed',
  );
  // Nothing adopts them, and nobody but their makers take them away.
  for (const role of [asGrant, nearly, superusers]) await stage.onTarget(`drop role ${role}`);
  const findings = await untilNotFound(stage, nearly, superusers);
  return { disabled: made, found, alarms, afterTheyAreDropped: { findings } };
}

async function alarmsOf(stage: Stage, roles: readonly string[]) {
  const { out } = await stage.curfew(['alarms', '--json']);
  return (JSON.parse(out) as readonly { readonly code: string; readonly subject: string }[])
    .filter(({ subject }) => roles.some((role) => subject === role || roleOf(subject as RequestId) === role))
    .map(({ code, subject }) => ({ code, subject }));
}

/** With a password and without an end, by somebody who has taken the role of Curfew itself. */
async function madeByHand(stage: Stage, role: string) {
  const password = randomBytes(24).toString('hex');
  stage.secrets.set(`password of ${role}`, password);
  const { port } = new URL(superuserUrl(stage.stack.settings, 'target'));
  await stage.onTarget(`set role curfew_owner; create role ${role} login password '${password}'`);
  const madeAt = Date.now();
  const disabledAfterMs = await stage.waitFor(
    `${role} to be disabled`,
    async () => !(await canLogIn(stage, role)) && Date.now() - madeAt,
  );
  const client = new Client({ host: '127.0.0.1', port: Number(port), database: 'orders', user: role, password });
  const refused = await client.connect().then(
    () => null,
    (error: unknown) => error as DatabaseError,
  );
  must(refused !== null && refused.code?.startsWith('28'), `${role} was let in`);
  return { role, disabledAfterMs, loginAfterwards: refused.code };
}
