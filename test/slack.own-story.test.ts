/**
 * What a person does with what is theirs (the form's preview, App Home, more time, away, a code), on the real use cases,
 * store and painter: only Temporal is a fake. What the worker's login reads paints the Homes.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { concernedBy } from '../activities/concerned.ts';
import { createPainter, type Painter } from '../activities/painter.ts';
import { requestModel } from '../activities/request-model.ts';
import type { Message } from '../dev/slack/driver.ts';
import { hourMs, minuteMs } from '../domain/time.ts';
import type { RequestId } from '../domain/ids.ts';
import type { SlackService } from '../slack/service.ts';
import { actions, blocks, callbacks, command } from '../slack/ids.ts';
import { storeRecords } from '../slack/records.ts';
import { paint } from '../slack/views/paint.ts';
import { paintingHomes } from '../workers/worker/homes.ts';
import * as extensionDecisions from '../store/extension-decisions.ts';
import * as extensions from '../store/extensions.ts';
import * as projections from '../store/projections.ts';
import {
  ask,
  claimed,
  click,
  ok,
  policyText,
  startCompany,
  workerGrants,
  type Company,
  type Handle,
} from './support/company.ts';
import { keptLog, startSlackDesk, type SlackDesk } from './support/slack-desk.ts';

const users = ['ada', 'eve', 'olga', 'omar', 'carl', 'nina'] as const satisfies readonly Handle[];
const stopping = new AbortController();
let company: Company;
let desk: SlackDesk;
let painter: Painter;
let homes: ReturnType<typeof paintingHomes>;
beforeAll(async () => {
  company = await startCompany();
  const service = Object.fromEntries(
    Object.keys(company.use).map((name) => [name, (input: never) => company.use[name as keyof SlackService](input)]),
  ) as unknown as SlackService;
  desk = await startSlackDesk({ users, service, records: storeRecords(company.store.as.curfew_api) });
  const { port } = desk.slack.desk;
  painter = createPainter(port, keptLog());
  const team = desk.workspace.team.id;
  for (const handle of users) await company.change(handle, { slack: [{ team, user: desk.workspace.userId(handle) }] });
  homes = paintingHomes({
    store: company.store.as.curfew_worker,
    clock: () => company.now,
    log: desk.log,
    port,
    team,
    signal: stopping.signal,
  });
});
afterAll(async () => {
  stopping.abort();
  await desk?.end();
  await company?.end();
});
beforeEach(async () => {
  await company.restore();
  await company.applyPolicy(policyText((text) => text.replace('limits: { max: 4h,', 'limits: { max: 4h, extend: 1,')));
});
afterEach(() => {
  expect(desk.workspace.recorder.calls().flatMap((call) => call.problems)).toEqual([]);
  expect(desk.log.lines.filter(({ level }) => level !== 'info')).toEqual([]);
});

/** What the Workflow's `tell` does. */
async function tell(id: RequestId): Promise<void> {
  const worker = company.store.as.curfew_worker;
  const view = company.temporal.view(id);
  await projections.save(worker, id, view, company.now);
  const approvals = desk.workspace.channelId('approvals');
  const workspace = { team: desk.workspace.team.id, approvals, announcements: approvals };
  const model = await requestModel(worker, { ...workspace, policy: approvals }, id, view, company.now);
  if (!model) throw new Error('no such request');
  await painter(worker, id, () => Promise.resolve(paint(model)));
  homes(await concernedBy(worker, model));
}

const looks = (user: Handle) => desk.driver.event(user, { type: 'app_home_opened', tab: 'home', channel: 'D0' });
const home = (user: Handle, pattern: RegExp): Promise<string> =>
  desk.driver.eventually(`home of ${user}: ${String(pattern)}`, () => {
    const shown = JSON.stringify(desk.driver.home(user)?.['blocks'] ?? '');
    return pattern.test(shown) ? shown : null;
  });
const modalSays = (user: Handle, pattern: RegExp): Promise<string> =>
  desk.driver.eventually(`${user} reads ${String(pattern)}`, () => {
    const shown = JSON.stringify(desk.driver.modal(user)?.['blocks'] ?? '');
    return pattern.test(shown) ? shown : null;
  });
async function word(user: Handle, text: string, pattern: RegExp): Promise<Message> {
  const before = desk.driver.ephemerals(user).length;
  const { reply } = await desk.driver.slash(user, command, text);
  return await desk.driver.eventually(`${user} is told ${String(pattern)}, not ${reply.text}`, () => {
    const all = desk.driver.ephemerals(user);
    return all.slice(0, all.length - before).find((message) => pattern.test(JSON.stringify(message)));
  });
}

/** Held by ada, and shown everywhere. */
async function held(): Promise<{ readonly requestId: RequestId; readonly endAt: number }> {
  const { requestId } = ok(await company.use.open(ask(company, { durationMs: hourMs })));
  ok(await click(company, requestId, 'olga'));
  const { endAt } = await claimed(company, requestId);
  await workerGrants(company, requestId, endAt);
  await tell(requestId);
  return { requestId, endAt };
}

async function workerExtends(requestId: RequestId): Promise<void> {
  const [row] = (await extensions.ofRequest(company.store.admin, requestId)).filter(({ outcome }) => outcome === null);
  if (!row) throw new Error('nothing to extend');
  company.temporal.happens(requestId, { kind: 'extended', id: row.id, endAt: row.endAt });
  await company.store.as.curfew_worker.transaction(async (tx) => {
    await extensions.moveEnd(tx, requestId, row.endAt);
    await extensions.saveOutcome(tx, { extensionId: row.id, kind: 'extended', cause: null, evidence: {} });
  });
  await tell(requestId);
}

test('the form previews what the policy says, names who could decide, and stands by it', async () => {
  await desk.driver.slash('eve', command, 'orders-prod read');
  await desk.driver.waitForModal('eve', callbacks.ask);
  await modalSays('eve', /Needs 1 of owners.*Could decide now: Name of/);
  await desk.driver.fill('eve', { [blocks.duration]: '9h' });
  await modalSays('eve', /Not possible as it stands/);
  const sent = await desk.driver.submit('eve', { [blocks.reason]: 'slow' });
  expect(Object.keys(sent.errors)).toEqual([blocks.duration]);
  await desk.driver.fill('eve', { [blocks.duration]: '30m', [blocks.start]: 1_000_000_000 });
  const late = await desk.driver.submit('eve');
  expect(Object.keys(late.errors)).toEqual([blocks.start]);
  const from = Math.ceil(company.now / hourMs) * hourMs + hourMs;
  expect((await desk.driver.submit('eve', { [blocks.start]: from / 1_000 })).action).toBe('closed');
  const id = company.temporal.starts.at(-1)?.requestId as RequestId;
  expect(ok(await company.use.reviewModel({ requestId: id, person: company.id('olga') })).startAt).toBe(from);
});

test('a Home follows what others do: what waited is gone, what was approved can be claimed', async () => {
  for (const user of ['eve', 'omar'] as const) {
    await looks(user);
    await home(user, /What you hold/);
  }
  await desk.driver.slash('eve', command, 'orders-prod read 1h because slow query');
  const id = company.temporal.starts.at(-1)?.requestId as RequestId;
  await tell(id);
  await home('omar', new RegExp(`Name of eve.*${id.slice(0, 8)}`));
  await home('eve', /waiting for approval/);
  await desk.driver.pressInHome('omar', actions.review, { value: id });
  await desk.driver.waitForModal('omar', callbacks.decide);
  expect((await desk.driver.submit('omar', { [blocks.verdict]: 'approve' })).action).toBe('closed');
  await tell(id);
  await home('eve', /approved; claim it by/);
  await home('omar', new RegExp(`^((?!${id.slice(0, 8)}).)*$`));
  await desk.driver.pressInHome('eve', actions.claim, { value: id });
  await modalSays('eve', /\/claim#/);
  await desk.driver.close('eve');
  // carl may see no request of eve's in his Home, and opens none there.
  await looks('carl');
  await home('carl', /What you hold/);
  await expect(desk.driver.pressInHome('carl', actions.review, { value: id })).rejects.toThrow();
});

test('extended at once within the allowance, then asked for, reviewed on its own digest, and given', async () => {
  const { requestId, endAt } = await held();
  await looks('ada');
  await home('ada', /Extend/);
  await desk.driver.pressInHome('ada', actions.extend, { value: requestId });
  await modalSays('ada', new RegExp(`Extended: your access ends <!date\\^${Math.floor((endAt + hourMs) / 1000)}\\^`));
  await desk.driver.close('ada');
  await workerExtends(requestId);
  await home('ada', new RegExp(`active until <!date\\^${Math.floor((endAt + hourMs) / 1000)}\\^`));

  await desk.driver.pressInHome('ada', actions.extend, { value: requestId });
  await desk.driver.waitForModal('ada', callbacks.extend);
  const sent = await desk.driver.submit('ada', { [blocks.duration]: '30m', [blocks.reason]: 'the copy still runs' });
  expect(sent.action).toBe('updated');
  await modalSays('ada', /unless somebody approves/);
  await desk.driver.close('ada');
  await tell(requestId);
  const card = await desk.driver.eventually('the card asks', () =>
    desk.driver.newest('approvals', actions.reviewExtension),
  );
  await desk.driver.press('olga', card, actions.reviewExtension);
  await desk.driver.waitForModal('olga', callbacks.decideExtension);
  await modalSays('olga', /the copy still runs/);
  expect((await desk.driver.submit('olga', { [blocks.verdict]: 'approve' })).action).toBe('closed');
  const [, second] = await extensions.ofRequest(company.store.admin, requestId);
  expect((await extensionDecisions.of(company.store.admin, second!.id)).map((one) => one.person)).toEqual([
    company.id('olga'),
  ]);
  await workerExtends(requestId);
  await home('ada', new RegExp(`active until <!date\\^${Math.floor((endAt + 90 * minuteMs) / 1000)}\\^`));
  await word('ada', 'end', /it ends now/);
});

test('away with a delegate: who is named decides in their place, and Review says so', async () => {
  const nina = desk.workspace.userId('nina');
  await word('olga', `away until tomorrow delegate <@${nina}|nina>`, /Name of nina decides in your place/);
  await looks('olga');
  await home('olga', /You are away until.*I'm back/);
  await desk.driver.slash('eve', command, 'orders-prod write 1h because fix an order');
  const id = company.temporal.starts.at(-1)?.requestId as RequestId;
  await tell(id);
  const card = await desk.driver.eventually('the card', () => desk.driver.newest('approvals', id));
  await desk.driver.press('nina', card, actions.review);
  await desk.driver.waitForModal('nina', callbacks.decide);
  await desk.driver.submit('nina', { [blocks.verdict]: 'approve' });
  await tell(id);
  await desk.driver.press('omar', card, actions.review);
  await desk.driver.waitForModal('omar', callbacks.decide);
  await modalSays('omar', /Name of nina, in the place of Name of olga: approved/);
  await desk.driver.close('omar');
  await desk.driver.pressInHome('olga', actions.back);
  await modalSays('olga', /Welcome back/);
  await desk.driver.close('olga');
});

test('Review shows what is added to what the requester can do on this target now', async () => {
  await held();
  const { requestId } = ok(await company.use.open(ask(company, { role: 'write' })));
  await tell(requestId);
  const card = await desk.driver.eventually('the card', () => desk.driver.newest('approvals', requestId));
  await desk.driver.press('olga', card, actions.review);
  await desk.driver.waitForModal('olga', callbacks.decide);
  await modalSays('olga', /Adds to what Name of ada can do now.*UPDATE.*What Name of ada has now.*read on orders-prod/);
  await desk.driver.close('olga');
});

test('a code is for its person: the command line learns who they are, once told', async () => {
  const told = await word('ada', 'code', /CURFEW_CODE/);
  const [, code = ''] = /`([A-Z0-9-]{10,})`/.exec(JSON.stringify(told)) ?? [];
  expect(await company.use.personOfCode({ code })).toEqual({ person: company.id('ada') });
  const kept = await company.store.admin.query<{ answer: unknown }>(
    'select to_jsonb(d) as answer from curfew.delivery d',
  );
  expect(JSON.stringify(kept)).not.toContain(code);
  expect(JSON.stringify(kept)).not.toContain('Name of');
});
