/** Whatever somebody puts in place of a kept history, evidence is written, and `verify` names the entry (I11, F48). */
import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkpointText } from '../audit/checkpoint.ts';
import { historyLine, readHistoryLine } from '../audit/evidence/history-line.ts';
import { rootOf } from '../audit/merkle.ts';
import { signNote } from '../audit/signed-note.ts';
import type { Verdict } from '../audit/verify/verify.ts';
import { keep } from '../store/histories.ts';
import { keepCheckpoint, readNodes, sequence, sizeOf } from '../store/log.ts';
import { accessRequestType } from '../workflows/contract.ts';
import { keysOf } from './support/evidence.ts';
import { startStore, type TestStore } from './support/store.ts';
import { curfew } from './support/terminal.ts';

let store: TestStore;
let folder = '';
const keys = keysOf();
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const historyOf = (eventTime: string) =>
  Buffer.from(`{"events":[{"eventId":"1","eventTime":"${eventTime}","eventType":"EVENT_TYPE_UNSPECIFIED"}]}`);
/** A Workflow's id is whatever the one who starts it says. */
const workflows = [`access-request/${randomUUID()}`, 'say "cheese",\n\\ünd 🧀', 'x'.repeat(1_000)];
const runs = workflows.map(() => randomUUID());

beforeAll(async () => {
  [store, folder] = await Promise.all([startStore(), mkdtemp(join(tmpdir(), 'curfew-evidence-'))]);
  const worker = store.as.curfew_worker;
  for (const [place, workflowId] of workflows.entries()) {
    const [runId = '', bytes] = [runs[place], historyOf('2026-01-01T00:00:00Z')];
    const hashes = { sha256: sha256(bytes), originalSha256: sha256(bytes), bundle: null, bundles: [] };
    const row = { workflowId, runId, kind: accessRequestType, requestId: null, events: 1, closedAt: 1, bytes };
    await keep(worker, { ...row, ...hashes }, workflowId);
  }
  await sequence(worker, 1_000);
  const [size, at] = [await sizeOf(worker), Date.now()];
  const root = await rootOf(size, (nodes) => readNodes(worker, nodes));
  const note = signNote(checkpointText({ origin: 'curfew/1', size, root, at }), [keys.signer]);
  await keepCheckpoint(worker, { size, epoch: 1, note, at });
});
afterAll(async () => {
  await store?.end();
  await rm(folder, { recursive: true, force: true });
});

async function verified(name: string) {
  const path = join(folder, `${name}.zip`);
  const env = { CURFEW_AUDITOR_STORE_URL: store.url('curfew_auditor') };
  const made = await curfew(['audit', 'evidence', '--from', '2020-01-01', '-o', path], { env });
  expect(made).toMatchObject({ code: 0 });
  const { code, out } = await curfew(['verify', path, '--key', keys.verifier.text, '--json']);
  const { checks } = JSON.parse(out) as Verdict;
  return { code, first: checks.flatMap(({ check, first }) => first.map((one) => ({ check, ...one }))) };
}

test('the history of a Workflow of whatever id is in the evidence, and holds', async () => {
  expect(await verified('whole')).toEqual({ code: 0, first: [] });
});

test.each([
  ['no gzip', Buffer.from('no\ngzip')],
  ['nothing', Buffer.alloc(0)],
  ['no JSON', gzipSync('no JSON')],
  ['several lines', gzipSync('{"events":[]}\n{"history":{},"run":"r","workflow":"w"}\n')],
  ['another history', gzipSync(historyOf('2026-01-02T00:00:00Z'))],
  ['more than there is room for', gzipSync(Buffer.alloc(200 * 1024 * 1024, ' '))],
])('%s in its place is named by its entry, and hides no other history', async (name, bytes) => {
  await store.admin.transaction(async (tx) => {
    await tx.query('alter table curfew.history disable trigger all');
    await tx.query('update curfew.history set bytes = $1 where run_id = $2', [bytes, runs[1]]);
    await tx.query('alter table curfew.history enable trigger all');
  });
  const { code, first } = await verified(name);
  expect(code).toBe(1);
  expect(first.map(({ check, index }) => ({ check, index }))).toEqual([{ check: 4, index: 1 }]);
});

test('a line that is no history is none', () => {
  const line = { run: 'r', workflow: 'w', bytes: Buffer.from('{}') };
  expect(readHistoryLine(historyLine(line))).toEqual(line);
  for (const text of [
    '',
    '{}',
    '{"history":{}}',
    '{"history":{},"run":"\\q","workflow":"w"}',
    '{"run":"","workflow":""}',
  ])
    expect(readHistoryLine(Buffer.from(text)), text).toBeUndefined();
});
