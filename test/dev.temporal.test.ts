import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { describe, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../dev/ports.ts';
import { isSafeServer, pinnedCliVersion, type FindOptions } from '../dev/temporal-binary.ts';
import { findTemporal, startTemporal, type TemporalOptions, type TemporalServer } from '../dev/temporal.ts';
import { Trouble } from '../dev/trouble.ts';
import { scratchFolder } from './support/folder.ts';

const safe = '1.31.2';
const old = '1.29.5';

/** A program that says it is a Temporal CLI with that server. */
const fakeCli = (path: string, server: string): string => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\necho 'temporal version 1.0.0 (Server ${server}, UI 2.0.0)'\n`, { mode: 0o755 });
  return path;
};

const refuse = (): Promise<void> => Promise.reject(new Error('no network here'));

const downloadOld = ({ path }: { path: string }): Promise<void> => Promise.resolve(void fakeCli(path, old));

const scene = (): {
  folder: string;
  cached: string;
  find: (env?: NodeJS.ProcessEnv, options?: Partial<FindOptions>) => ReturnType<typeof findTemporal>;
} => {
  const folder = scratchFolder();
  return {
    folder,
    cached: join(folder, 'cache/curfew', `temporal-${pinnedCliVersion()}`),
    find: (env = {}, options = {}) =>
      findTemporal({
        env: { PATH: join(folder, 'bin'), XDG_CACHE_HOME: join(folder, 'cache'), ...env },
        progress: () => undefined,
        download: refuse,
        build: () => Promise.reject(new Error('go is not installed')),
        ...options,
      }),
  };
};

describe('where a server comes from', () => {
  test('each way is taken only when none before it has one', async () => {
    const { folder, cached, find } = scene();
    const made: string[] = [];
    const fetching =
      (name: string, server: string) =>
      ({ path }: { path: string }): Promise<void> => {
        made.push(name);
        fakeCli(path, server);
        return Promise.resolve();
      };
    const build = fetching('build', safe);
    expect(await find({}, { build })).toEqual({
      kind: 'program',
      path: cached,
      server: safe,
      from: 'a build of the Go module',
    });
    expect(await find({}, { build })).toMatchObject({ path: cached, from: 'the cache folder' });
    const onPath = fakeCli(join(folder, 'bin/temporal'), '1.30.4');
    expect(await find()).toEqual({ kind: 'program', path: onPath, server: '1.30.4', from: 'PATH' });
    const named = fakeCli(join(folder, 'mine/temporal'), '1.32.0');
    expect(await find({ TEMPORAL_CLI_PATH: named })).toMatchObject({ path: named, from: 'TEMPORAL_CLI_PATH' });
    expect(await find({ TEMPORAL_CLI_PATH: named, TEMPORAL_ADDRESS: '127.0.0.1:7233' })).toEqual({
      kind: 'address',
      address: '127.0.0.1:7233',
    });
    const elsewhere = scene();
    const download = fetching('download', safe);
    expect(await elsewhere.find({}, { download, build })).toMatchObject({
      path: elsewhere.cached,
      from: "the SDK's download",
    });
    expect(made).toEqual(['build', 'download']);
  });

  test('one that is too old is passed over, unless it was named: then it is refused', async () => {
    const { folder, cached, find } = scene();
    fakeCli(join(folder, 'bin/temporal'), old);
    fakeCli(cached, safe);
    expect(await find()).toMatchObject({ path: cached });
    const named = fakeCli(join(folder, 'mine/temporal'), old);
    await expect(find({ TEMPORAL_CLI_PATH: named })).rejects.toThrow(
      /server 1\.29\.5, which has known vulnerabilities[^]*Mend: /,
    );
    await expect(find({ TEMPORAL_CLI_PATH: join(folder, 'nothing') })).rejects.toThrow(
      /does not tell which server[^]*Mend: /,
    );
  });

  test('a download that is too old is not kept, and the build is tried', async () => {
    const { cached, find } = scene();
    await expect(find({}, { download: downloadOld })).rejects.toThrow(
      /download: .* 1\.29\.5[^]*Go module: go is not installed/,
    );
    expect(existsSync(cached)).toBe(false);
    expect(readdirSync(dirname(cached))).toEqual([]);
  });

  test('if none works the error names every way and what was wrong with it', async () => {
    const { cached, find } = scene();
    const error = await find().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Trouble);
    const { message } = error as Trouble;
    for (const part of [
      'temporal on PATH: there is none',
      cached,
      'no network here',
      'go is not installed',
      'TEMPORAL_ADDRESS',
      'TEMPORAL_CLI_PATH',
    ])
      expect(message).toContain(part);
  });

  test('two that need it at once fetch it once', async () => {
    const { find } = scene();
    let fetched = 0;
    const build = async ({ path }: { path: string }): Promise<void> => {
      fetched += 1;
      await Promise.resolve();
      fakeCli(path, safe);
    };
    const [one, other] = await Promise.all([find({}, { build }), find({}, { build })]);
    expect([fetched, one]).toEqual([1, { ...other, from: (one as { from: string }).from }]);
  });

  test.each([
    ['1.30.4', true],
    ['1.30.3', false],
    ['1.29.6', true],
    ['1.29.5', false],
    ['1.28.4', true],
    ['1.28.3', false],
    ['1.27.9', false],
    ['1.31.0', true],
    ['2.0.0', true],
    ['0.30.4', false],
    ['', false],
    ['unknown', false],
  ])('server %s is safe: %s', (version, expected) => expect(isSafeServer(version)).toBe(expected));
});

const start = async (options: Partial<TemporalOptions> = {}): Promise<TemporalServer> => {
  const server = await startTemporal({
    source: await findTemporal({ env: process.env, progress: () => undefined }),
    namespace: 'curfew-test',
    searchAttributes: { CurfewTarget: 'Keyword', CurfewRequester: 'Keyword' },
    logFile: join(scratchFolder(), 'temporal.log'),
    ...options,
  });
  onTestFinished(server.stop);
  return server;
};
const withClient = async <T>(
  { address, namespace }: TemporalServer,
  work: (client: Client) => Promise<T>,
): Promise<T> => {
  const connection = await Connection.connect({ address });
  try {
    return await work(new Client({ connection, namespace }));
  } finally {
    await connection.close();
  }
};

describe('a real server', () => {
  test('state in a file survives kill -9 and a restart', async () => {
    const server = await start({ dbFile: join(scratchFolder(), 'a folder', 'temporal.db') });
    const workflowId = randomUUID();
    await withClient(server, (client) =>
      client.workflow.start('nobody-runs-this', { workflowId, taskQueue: 'none', typedSearchAttributes: [] }),
    );
    const pid = server.pid();
    await server.kill();
    expect(server.pid()).toBeNull();
    await server.start();
    await server.restart();
    expect(server.pid()).not.toBe(pid);
    const { status } = await withClient(server, (client) => client.workflow.getHandle(workflowId).describe());
    expect(status.name).toBe('RUNNING');
  });

  test("somebody else's server gets the namespace and search attributes that it lacks, and is never stopped", async () => {
    const server = await start();
    const source = { kind: 'address', address: server.address } as const;
    const other = await start({
      source,
      namespace: 'another',
      searchAttributes: { CurfewTarget: 'Keyword', Count: 'Int' },
    });
    await start({ source, namespace: 'another', searchAttributes: { CurfewTarget: 'Keyword', Count: 'Int' } });
    await other.stop();
    await other.kill();
    expect(other.pid()).toBeNull();
    const { customAttributes } = await withClient(server, ({ connection }) =>
      connection.operatorService.listSearchAttributes({ namespace: 'another' }),
    );
    expect(Object.keys(customAttributes)).toEqual(expect.arrayContaining(['CurfewTarget', 'Count']));
  });

  test('a taken port is a trouble with a mend', async () => {
    const port = await freePort();
    const taken = createServer().listen(port, '127.0.0.1');
    await once(taken, 'listening');
    await expect(start({ port })).rejects.toThrow(new RegExp(`port ${port}[^]*Mend: `));
    await new Promise((closed) => taken.close(closed));
  });
});
