/**
 * The surface on the real use cases, the real store and the real painter: only Temporal is a fake, which moves requests
 * with the Workflow's own state object. Everything is a signed delivery, and everything seen was read from Slack.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createPainter, type Painter } from '../activities/painter.ts';
import { requestModel } from '../activities/request-model.ts';
import type { Message } from '../dev/slack/driver.ts';
import type { RequestId } from '../domain/ids.ts';
import type { RequestState } from '../domain/request.ts';
import type { SlackService } from '../slack/service.ts';
import { actions, blocks, callbacks, command } from '../slack/ids.ts';
import { storeRecords } from '../slack/records.ts';
import { paint } from '../slack/views/paint.ts';
import * as decisions from '../store/decisions.ts';
import { startCompany, type Company, type Handle } from './support/company.ts';
import { keptLog, startSlackDesk, type SlackDesk } from './support/slack-desk.ts';

const users = ['ada', 'eve', 'olga', 'omar', 'carl', 'nina'] as const satisfies readonly Handle[];
let company: Company;
let desk: SlackDesk;
let painter: Painter;
beforeAll(async () => {
  company = await startCompany();
  const service = Object.fromEntries(
    Object.keys(company.use).map((name) => [name, (input: never) => company.use[name as keyof SlackService](input)]),
  ) as unknown as SlackService;
  desk = await startSlackDesk({ users, service, records: storeRecords(company.store.as.curfew_api) });
  painter = createPainter(desk.slack.desk.port, keptLog());
  const team = desk.workspace.team.id;
  for (const handle of users) await company.change(handle, { slack: [{ team, user: desk.workspace.userId(handle) }] });
});
afterAll(async () => {
  await desk.end();
  await company.end();
});
afterEach(() => {
  expect(desk.workspace.recorder.calls().flatMap((call) => call.problems)).toEqual([]);
});

const workspaceOf = () => ({
  team: desk.workspace.team.id,
  approvals: desk.workspace.channelId('approvals'),
  announcements: desk.workspace.channelId('approvals'),
});

/** What the Workflow's `tell` does. */
async function tell(id: RequestId): Promise<void> {
  const worker = company.store.as.curfew_worker;
  const model = await requestModel(worker, workspaceOf(), id, company.temporal.view(id), Date.now());
  if (model) await painter(worker, id, () => Promise.resolve(paint(model)));
}

async function asked(user: Handle, line: string): Promise<RequestId> {
  const { reply } = await desk.driver.slash(user, command, line);
  expect(reply.text).toContain('Sent');
  const id = company.temporal.starts.at(-1)?.requestId;
  if (!id) throw new Error('no request was started');
  await tell(id);
  return id;
}
const stateOf = (id: RequestId): RequestState['kind'] => company.temporal.view(id).state.kind;

/** The newest message with this button for this request. */
async function withButton(read: () => Promise<readonly Message[]>, action: string, id: RequestId): Promise<Message> {
  return await desk.driver.eventually(`${action} for ${id}`, async () =>
    (await read()).find((one) => JSON.stringify(one).includes(action) && JSON.stringify(one).includes(id)),
  );
}
const card = (id: RequestId, action: string): Promise<Message> =>
  withButton(() => desk.driver.messages('approvals'), action, id);
const dm = (user: Handle, id: RequestId, action: string): Promise<Message> =>
  withButton(() => desk.driver.dms(user), action, id);

async function review(user: Handle, id: RequestId): Promise<void> {
  await desk.driver.press(user, await card(id, actions.review), actions.review);
  await desk.driver.waitForModal(user, callbacks.decide);
}
const approve = (user: Handle) => desk.driver.submit(user, { [blocks.verdict]: 'approve' });

async function hears(user: Handle, pattern: RegExp, act: () => Promise<unknown>): Promise<Message> {
  const before = desk.driver.ephemerals(user).length;
  await act();
  return await desk.driver.eventually(`${user} hears ${String(pattern)}`, () => {
    const all = desk.driver.ephemerals(user);
    return all.slice(0, all.length - before).find((message) => pattern.test(JSON.stringify(message)));
  });
}

test('who may not decide is told why, it is audited, and the request still waits', async () => {
  const id = await asked('eve', 'orders-prod read 2h because INC-12 slow query <!channel>');
  const refusals: readonly (readonly [Handle, RegExp])[] = [
    ['eve', /You asked for this yourself/],
    ['nina', /decided by the group owners/],
    ['carl', /decided by the group owners/],
  ];
  for (const [user, why] of refusals) {
    await review(user, id);
    expect(JSON.stringify(desk.driver.modal(user))).toContain('Your decision would not count');
    expect((await approve(user)).action).toBe('updated');
    expect(JSON.stringify(desk.driver.modal(user))).toMatch(why);
    await desk.driver.close(user);
  }
  const other = await asked('eve', 'orders-prod read 1h because another');
  await review('olga', other);
  const digest = (JSON.parse(desk.driver.modal('olga')?.private_metadata ?? '{}') as { digest: string }).digest;
  await desk.driver.close('olga');
  await review('olga', id);
  const stale = await desk.driver.submit(
    'olga',
    { [blocks.verdict]: 'approve' },
    {
      edit: (payload) => ({
        ...payload,
        view: { ...(payload['view'] as object), private_metadata: JSON.stringify({ requestId: id, digest }) },
      }),
    },
  );
  expect(stale.action).toBe('updated');
  expect(JSON.stringify(desk.driver.modal('olga'))).toContain('Press Review again');
  await desk.driver.close('olga');
  desk.workspace.setFlags('omar', { is_restricted: true });
  await review('omar', id);
  await approve('omar');
  expect(JSON.stringify(desk.driver.modal('omar'))).toContain('Only full members');
  await desk.driver.close('omar');
  desk.workspace.setFlags('omar', { is_restricted: false });

  expect(stateOf(id)).toBe('awaiting');
  const refused = (await company.audit(id)).filter((entry) => entry.kind === 'decision.refused');
  expect(refused.map((entry) => entry.body['code'])).toEqual([
    'SelfApproval',
    'ApproverNotEligible',
    'ApproverNotEligible',
    'StaleView',
    'ApproverNotEligible',
  ]);
});

test('a double click is one decision, two approvers at once are one grant, and the second hears of it', async () => {
  const id = await asked('eve', 'orders-prod read 2h because INC-12 slow query');
  await review('olga', id);
  await review('carl', id);
  const [first, again] = await Promise.all([
    approve('olga'),
    desk.driver.submit('olga', { [blocks.verdict]: 'approve' }),
  ]);
  expect([first.reply.status, again.reply.status]).toEqual([200, 200]);
  expect(await decisions.of(company.store.as.curfew_api, id)).toHaveLength(1);
  expect(stateOf(id)).toBe('approved');
  await tell(id);
  expect(JSON.stringify(await desk.driver.newest('approvals', id.slice(0, 8)))).toContain('Approved');
  await approve('carl');
  expect(JSON.stringify(desk.driver.modal('carl'))).toContain('Not done');
  await desk.driver.close('carl');
});

test('a denial needs a reason, and the requester reads who said no and why', async () => {
  const id = await asked('eve', 'orders-prod read 2h because curiosity');
  await review('olga', id);
  await desk.driver.submit('olga', { [blocks.verdict]: 'deny', [blocks.why]: 'use the replica <!here>' });
  expect(stateOf(id)).toBe('closed');
  await tell(id);
  const told = await desk.driver.newestDm('eve', 'use the replica');
  expect(JSON.stringify(told)).toContain('Name of olga: use the replica &lt;!here&gt;');
  expect(JSON.stringify(await desk.driver.newest('approvals', id.slice(0, 8)))).not.toContain(actions.review);
});

test('only the requester gets a link, and "not you?" ends what was approved', async () => {
  const id = await asked('eve', 'orders-prod read 2h because INC-12 slow query');
  await review('olga', id);
  await approve('olga');
  await tell(id);
  const message = await dm('eve', id, actions.claim);
  await hears('omar', /Reference/, () => desk.driver.press('omar', message, actions.claim));
  expect(JSON.stringify(desk.driver.ephemerals('omar'))).not.toContain('/claim#');
  await hears('eve', /\/claim#/, () => desk.driver.press('eve', message, actions.claim));
  expect(JSON.stringify(await desk.driver.dms('eve'))).not.toContain('/claim#');

  const counted = await desk.driver.newestDm('olga', actions.disownApproval);
  await hears('olga', /ends now/, () => desk.driver.press('olga', counted as Message, actions.disownApproval));
  const intents = await company.store.admin.query<{ cause: string }>(
    'select cause from curfew.revoke_intent where request_id = $1',
    [id],
  );
  expect(intents.map((one) => one.cause)).toEqual(['disowned']);
});

test('break-glass is told at once to whoever broke it, and to others is refused with the reason', async () => {
  const { reply } = await desk.driver.slash('ada', command, 'breakglass orders-prod write INC-12 "checkout down"');
  expect(reply.text).toContain('Break-glass');
  const refused = await desk.driver.slash('nina', command, 'breakglass orders-prod write INC-12 "checkout down"');
  expect(refused.reply.text).toMatch(/Reference [0-9a-f]{8}/);
  const kinds = (await company.outbox()).map((row) => row.kind);
  expect(kinds).toContain('announce');
});

test('with Temporal dead a decision is recorded and said to be so', async () => {
  const id = await asked('eve', 'orders-prod read 2h because INC-12 slow query');
  await review('olga', id);
  company.temporal.dead = true;
  try {
    const sent = await approve('olga');
    expect(sent.action).toBe('updated');
    expect(JSON.stringify(desk.driver.modal('olga'))).toContain('It is recorded; the card follows.');
    expect(await decisions.of(company.store.as.curfew_api, id)).toHaveLength(1);
  } finally {
    company.temporal.dead = false;
    await desk.driver.close('olga');
  }
});

test('bad input everywhere is told with what to do, and loses nothing', async () => {
  const lines: readonly [line: string, told: RegExp][] = [
    ['nowhere read 2h because x', /no such target.*orders-prod/],
    ['orders-prod admin 2h because x', /no such role.*read/],
    ['orders-prod read 100d because x', /Nothing is given for more than|at most/i],
    ['__proto__x read 2h because x', /./],
    ['constructor read 2h because x', /no such target/],
  ];
  for (const [line, told] of lines) {
    const { reply } = await desk.driver.slash('eve', command, line);
    expect(reply.status).toBe(200);
    expect(reply.text, line).toMatch(told);
  }
});
