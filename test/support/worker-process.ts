/** The worker as it is deployed: `node workers/main.ts` with an environment, and nothing shared with the test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../dev/ports.ts';
import { startProcess, type RunningProcess } from '../../dev/processes.ts';
import type { CodecKey } from '../../temporal/codec.ts';
import { eventually } from './eventually.ts';

const main = fileURLToPath(new URL('../../workers/main.ts', import.meta.url));

export type WorkerSettings = {
  readonly storeUrl: string;
  readonly temporal: { readonly address: string; readonly namespace: string };
  readonly codecKeys: readonly CodecKey[];
  /** JSON, as CURFEW_TARGETS takes it. */
  readonly clusters: readonly object[];
  readonly more?: Readonly<Record<string, string>>;
};

export type WorkerUnderTest = {
  readonly process: RunningProcess;
  /** What `/healthz` answers; undefined while nobody does. */
  health(): Promise<{ readonly status: number; readonly body: Record<string, unknown> } | undefined>;
  metrics(): Promise<string>;
  ready(): Promise<unknown>;
  end(): Promise<void>;
};

export async function startWorkerProcess(settings: WorkerSettings): Promise<WorkerUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), 'curfew-worker-'));
  const port = await freePort();
  const { address, namespace } = settings.temporal;
  const running = await startProcess({
    name: 'worker',
    command: process.execPath,
    args: [main],
    logFile: join(folder, 'worker.log'),
    env: {
      PATH: process.env['PATH'],
      CURFEW_STORE_URL: settings.storeUrl,
      CURFEW_TEMPORAL_ADDRESS: address,
      CURFEW_TEMPORAL_NAMESPACE: namespace,
      CURFEW_CODEC_KEYS: settings.codecKeys.map(({ id, key }) => `${id}:${key.toString('base64')}`).join(','),
      CURFEW_TARGETS: JSON.stringify(settings.clusters),
      CURFEW_PUBLIC_URL: 'http://127.0.0.1:1',
      CURFEW_HEALTH_PORT: String(port),
      CURFEW_DRAIN: '5s',
      ...settings.more,
    },
  });
  const ask = (path: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(2_000) });
  const worker: WorkerUnderTest = {
    process: running,
    async health() {
      const answer = await ask('/healthz').catch(() => undefined);
      return answer && { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
    },
    metrics: async () => (await ask('/metrics')).text(),
    ready: () =>
      eventually(`the worker is ready:\n${running.lastLines(5)}`, async () => (await worker.health())?.status === 200, {
        withinMs: 120_000,
        everyMs: 100,
      }),
    async end() {
      await running.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return worker;
}
