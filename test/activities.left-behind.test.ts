/** What somebody left behind is told to the owners of the target themselves, and not only where everybody reads. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createNotices } from '../activities/notices.ts';
import { CurfewError } from '../domain/errors.ts';
import type { SlackPort } from '../slack/views/message.ts';
import * as cleaning from '../store/cleaning.ts';
import { startCompany, type Company, type Handle } from './support/company.ts';
import { quiet } from './support/granting.ts';
import { addPerson } from './support/store-sample.ts';

let company: Company;
const sent: { channel: string; text: string }[] = [];
const gone = new Set<string>();
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());
beforeEach(async () => {
  await company.restore();
  sent.length = 0;
  gone.clear();
});

const port = {
  openDm: async (user: string) => {
    if (gone.has(user)) throw new CurfewError('SlackGone', 'The account is gone.');
    return `D${user}`;
  },
  post: async ({ channel, text }: { channel: string; text: string }) => {
    sent.push({ channel, text });
    return { channel, ts: String(sent.length) };
  },
  update: async () => 'ok',
} as unknown as SlackPort;
const workspace = { team: 'T1', approvals: 'C1', announcements: 'C2' };
const tell = (leftId: string) =>
  createNotices({ store: company.store.as.curfew_worker, workspace, port, log: quiet }).leftBehind({ leftId });
const linked = (handle: Handle, team = 'T1') =>
  company.change(handle, { slack: [{ team, user: `U${handle.toUpperCase()}` }] });
async function left(target = 'orders-prod'): Promise<string> {
  const [id, grantId] = [randomUUID(), randomUUID()];
  await company.store.as.curfew_worker.transaction((tx) =>
    cleaning.listLeft(tx, { id, grantId, target, database: 'orders', kinds: { table: 2 }, total: 2 }, undefined),
  );
  return id;
}

test('each owner who has an account here is written to once, and nobody else', async () => {
  for (const handle of ['olga', 'omar', 'carl'] as const) await linked(handle);
  await linked('otto', 'T2');
  const id = await left();
  await tell(id);
  await tell(id);
  expect(sent.map(({ channel }) => channel).toSorted()).toEqual(['DUOLGA', 'DUOMAR']);
  expect(sent[0]?.text).toContain('left 2 objects in the database `orders`');
});

test('an owner whose account is gone keeps nobody else from being told, and a target of nobody is no trouble', async () => {
  gone.add('UOLGA');
  await tell(await left());
  expect(sent.map(({ channel }) => channel)).toEqual(['DUOMAR']);
  await tell(await left('a-cluster'));
  expect(sent).toHaveLength(1);
});

test('of a group of many, twenty are written to', async () => {
  for (let index = 0; index < 25; index += 1) {
    const slack = [{ team: 'T1', user: `UMANY${index}` }];
    await addPerson(company.store.as.curfew_directory, `many-${index}`, { groups: [{ name: 'owners' }], slack });
  }
  await tell(await left());
  expect(sent).toHaveLength(20);
});
