/** Replaying in a child: what it says of histories, and what a hostile script can do in there. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { beforeAll, describe, expect, test } from 'vitest';
import { linesOf } from '../audit/replay/frames.ts';
import { openReplay, replayHistory, type ReplayBounds } from '../audit/replay/replay.ts';
import { buildWalls } from '../audit/replay/walls.ts';
import { goldenOf, type Golden } from './support/histories.ts';
import { productBundle } from './support/temporal.ts';

const quiet = new DefaultLogger('ERROR', () => undefined);
/** NB. With the library's own converter: what a failure says is shown as it is. */
const script = (path: string): Promise<Buffer> =>
  bundleWorkflowCode({ workflowsPath: fileURLToPath(new URL(path, import.meta.url)), logger: quiet }).then(({ code }) =>
    Buffer.from(code, 'utf8'),
  );

const bytesOf = ({ history }: Pick<Golden, 'history'>): Buffer => Buffer.from(JSON.stringify(history), 'utf8');
const workflowId = 'access-request/golden';
const golden = goldenOf('accessRequest');
const denied = golden.find(({ name }) => name === 'denied');
if (!denied) throw new Error('there is no golden history of a denied request');

let product: Buffer;
let hostile: Buffer;
beforeAll(async () => {
  product = Buffer.from((await productBundle()).code, 'utf8');
  hostile = await script('./support/hostile-workflows.ts');
});

describe('a replay', () => {
  test('says of each recorded history that the script does the same, many in one child (I20)', async () => {
    const replayer = await openReplay(product);
    try {
      for (const one of golden)
        expect([one.name, await replayer.replay({ history: bytesOf(one), workflowId })]).toEqual([one.name, 'same']);
      expect(replayer.walled).toBe(process.platform === 'linux');
    } finally {
      await replayer.close();
    }
  });

  test('says how a script differs that does something else', async () => {
    const other = await script('./support/other-workflows.ts');
    const replayed = await replayHistory({ bundle: other, history: bytesOf(denied), workflowId });
    expect(replayed).toEqual({ differs: expect.stringContaining('nondeterminism') as unknown });
  });

  test('says that a history differs of which one event was taken out', async () => {
    const { events } = denied.history as { readonly events: readonly { readonly eventType: string }[] };
    const without = events.filter(({ eventType }) => eventType !== 'EVENT_TYPE_TIMER_STARTED');
    const replayed = await replayHistory({
      bundle: product,
      history: bytesOf({ history: { events: without } }),
      workflowId,
    });
    expect(replayed).not.toBe('same');
  });

  test('says so of a script that is none, and of a history that is none', async () => {
    const asked = { bundle: Buffer.from('no script'), history: bytesOf(denied), workflowId };
    expect(await replayHistory(asked)).not.toBe('same');
    expect(await replayHistory({ ...asked, bundle: product, history: Buffer.from('{"events":[]}') })).not.toBe('same');
    expect(await replayHistory({ ...asked, bundle: product, history: Buffer.from('nonsense') })).not.toBe('same');
  });
});

/** The history of a denied request, whose Workflow was told this. */
function told(input: object): Buffer {
  const { events } = structuredClone(denied?.history) as { events: Record<string, unknown>[] };
  const started = events[0]?.['workflowExecutionStartedEventAttributes'] as { input: { payloads: { data: string }[] } };
  const [payload] = started.input.payloads;
  if (payload) payload.data = Buffer.from(JSON.stringify(input), 'utf8').toString('base64');
  return bytesOf({ history: { events } });
}

describe('a hostile script', () => {
  const file = join(tmpdir(), `curfew-hostile-${process.pid}`);

  async function tried(bounds: ReplayBounds): Promise<Readonly<Record<string, string>>> {
    let connected = 0;
    const server = createServer((socket) => {
      connected += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const history = told({ mode: 'all', port, file });
      const replayed = await replayHistory({ bundle: hostile, history, workflowId }, { withinMs: 20_000, ...bounds });
      const why = replayed === 'same' ? '' : replayed.differs;
      const list = /tried: ([^"]*)\."/.exec(why)?.[1];
      expect(list, why).toBeDefined();
      expect(connected).toBe(0);
      expect(existsSync(file)).toBe(false);
      return Object.fromEntries((list ?? '').split(';').map((one) => one.split('=')));
    } finally {
      server.close();
    }
  }

  test.each([
    { walls: 'the system has one', bounds: {} },
    { walls: 'the system has none', bounds: { walls: async () => false } },
  ])(
    'gets out of its context, and can do nothing there, where of walls $walls',
    async ({ bounds }) => {
      const { 'leave the context': left, ...others } = await tried(bounds);
      // What it gets for leaving is the outer process: the very thing that the doors are shut against.
      expect(left).toBe('did it: [object process]');
      expect(Object.keys(others).length).toBeGreaterThan(10);
      expect(Object.entries(others).filter(([, outcome]) => !outcome.startsWith('refused'))).toEqual([]);
    },
    60_000,
  );

  test('is ended when it does not stop, and what is asked of it afterwards is not waited for', async () => {
    const replayer = await openReplay(hostile, { withinMs: 5_000 });
    const ask = { history: told({ mode: 'loop' }), workflowId };
    expect(await replayer.replay(ask)).toEqual({ differs: expect.stringContaining('no end') as unknown });
    expect(await replayer.replay(ask)).toEqual({ differs: expect.stringContaining('no end') as unknown });
    await replayer.close();
  });

  test('is ended when it takes too much memory', async () => {
    const ask = { bundle: hostile, history: told({ mode: 'memory' }), workflowId };
    const replayed = await replayHistory(ask, { withinMs: 30_000, heapMb: 128 });
    expect(replayed).toEqual({ differs: expect.stringContaining('no end') as unknown });
  });

  test('says no more than a few lines of why it failed', async () => {
    const ask = { bundle: hostile, history: told({ mode: 'long' }), workflowId };
    const replayed = await replayHistory(ask);
    expect(replayed === 'same' ? 0 : replayed.differs.length).toBe(2_000);
  });
});

test('a line that is too long is not gathered to its end', async () => {
  let given = 0;
  async function* talk(): AsyncGenerator<Buffer> {
    yield Buffer.from('{"kind":"ready"}\n');
    for (; given < 1_000; given += 1) yield Buffer.alloc(16 * 1_024, 'x');
  }
  const lines = linesOf(talk());
  expect(await lines.next()).toEqual({ done: false, value: '{"kind":"ready"}' });
  await expect(lines.next()).rejects.toThrow('it said more than any answer has');
  expect(given).toBeLessThan(10);
});

/** Nothing of ours runs in here: whatever is refused, the permission model or the system refuses. */
const attempts = `
  const { connect } = require('node:net'), fs = require('node:fs'), { spawnSync } = require('node:child_process');
  const codeOf = (work) => { try { work(); return 'done'; } catch (error) { return error.code; } };
  process.stdin.once('data', () => {
    const socket = connect(Number(process.argv[1]), '127.0.0.1');
    const say = (net) => {
      const read = codeOf(() => fs.readFileSync(process.argv[2]));
      const start = spawnSync('true').error?.code ?? 'done';
      process.stdout.write(JSON.stringify({ net, read, start }), () => process.exit());
    };
    socket.once('connect', () => say('done')).once('error', (error) => say(error.code));
  });
  process.stdout.write('ready\\n');`;

async function attempt(walled: boolean): Promise<unknown> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const file = fileURLToPath(import.meta.url);
  const child = spawn(process.execPath, ['-e', attempts, String(port), file], { stdio: ['pipe', 'pipe', 'ignore'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  try {
    await lines.next();
    if (walled) expect(await buildWalls(child.pid ?? 0)).toBe(true);
    child.stdin.write('go\n');
    const { value } = await lines.next();
    return JSON.parse(String(value)) as unknown;
  } finally {
    child.kill('SIGKILL');
    server.close();
  }
}

describe.runIf(process.platform === 'linux')('the wall', () => {
  test('leaves a process no socket, no file and no other process, whatever code in it asks', async () => {
    expect(await attempt(false)).toEqual({ net: 'done', read: 'done', start: 'done' });
    expect(await attempt(true)).toEqual({ net: 'EMFILE', read: 'EMFILE', start: 'EMFILE' });
  });

  test('is the only thing that keeps native code from the network: the permission model of this Node does not', () => {
    const code = `require('node:net').connect(9, '127.0.0.1').once('error', (error) => process.stdout.write(error.code))`;
    const said = execFileSync(process.execPath, ['--permission', '-e', code], { encoding: 'utf8' });
    expect(said).toBe('ECONNREFUSED');
  });
});
