/** `npm run tour -- --json`, as whoever wants to see the whole story work runs it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { processesOf } from './support/process-group.ts';

const root = join(import.meta.dirname, '..');

const steps = [
  'request',
  'card',
  'self-approval-refused',
  'outsider-approval-refused',
  'stale-view-refused',
  'approved',
  'claimed',
  'query-allowed',
  'query-forbidden-refused',
  'set-role-refused',
  'expired',
  'login-refused',
  'receipt',
  'statements-tied',
  'released',
  'worker-alone-cannot-grant',
  'reaper-alone',
  'recovered',
  'leaver-ended',
  'break-glass-ended',
  'preview',
  'two-stage-approval',
  'same-person-second-seat-refused',
  'delegate',
  'policy-change-needs-two',
  'escalated',
  'extended',
  'stricter-policy-voids',
  'conflict-refused',
  'condition-ended',
  'leaver-safe',
  'leaver-approvals-void',
  'tainted-listed',
  'mover-rejudged',
  'scim-entra-false-string',
  'break-glass-announced-before-use',
  'break-glass-review-debt-blocks',
  'incident-resolved-ends',
  'terminated-workflow-still-ends',
  'unknown-role-disabled',
  'standby-session-closed',
  'evidence-verified',
  'bit-flip-found',
  'log-row-edit-found',
  'erased-person-still-verifies',
  'every-invariant-holds',
  'no-secret-anywhere',
  'history',
];

test('the tour tells every step of the story, in order and all well, and leaves no process (I2 I3 I4 I6 I7 I8 I9 I12 I11 I13 I14 I16 I18 I19)', async () => {
  const tour = spawn(process.execPath, [join(root, 'dev', 'launch.mjs'), 'dev/tour/main.ts', '--json'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const started = processesOf(tour.pid as number);
  onTestFinished(started.endAll);
  let [out, err] = ['', ''];
  tour.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')));
  tour.stderr.on('data', (chunk: Buffer) => (err += chunk.toString('utf8')));
  const [code] = (await once(tour, 'close')) as [number | null];

  // First, for it tells why there may be nothing else.
  expect(err).toMatch(/ok {2}worker/);
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  expect(lines.filter((line) => line['ok'] === false)).toEqual([]);
  expect(lines.slice(0, -1).map((line) => line['step'])).toEqual(steps);
  for (const line of lines.slice(0, -1)) {
    expect(line).toEqual({ step: expect.any(String), ok: true, ms: expect.any(Number), evidence: expect.any(Object) });
  }
  expect(lines.at(-1)).toEqual({ summary: { steps: steps.length, failed: 0 } });
  expect(code).toBe(0);
  expect(started.seen().length).toBeGreaterThan(8);
  expect(await started.leftOver()).toEqual([]);
}, 900_000);
