/** Where a Temporal server comes from on a developer's machine. */
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { takeLock } from './lock.mjs';
import { buildProgram, downloadProgram, fetchWithinMs, moduleFolder, type FetchProgram } from './temporal-fetch.ts';
import { Trouble, messageOf } from './trouble.ts';

export type TemporalSource =
  | { readonly kind: 'address'; readonly address: string }
  | { readonly kind: 'program'; readonly path: string; readonly server: string; readonly from: string };

export type FindOptions = {
  readonly env: NodeJS.ProcessEnv;
  /** Told of anything that takes more than a moment. */
  readonly progress: (line: string) => void;
  /** Puts the program at `path`; the SDK's download and the Go build where absent. */
  readonly download?: FetchProgram;
  readonly build?: FetchProgram;
};

/**
 * In this order: the server at TEMPORAL_ADDRESS; the program TEMPORAL_CLI_PATH; `temporal` on PATH; the cache folder;
 * the SDK's own download; a build of the published Go module. What the first two name is taken or refused; of the
 * others, one that is missing or too old leads to the next.
 * @throws Trouble naming every way, with what was wrong with each
 */
export const findTemporal = async (options: FindOptions): Promise<TemporalSource> => {
  const { env } = options;
  if (given(env['TEMPORAL_ADDRESS'])) return { kind: 'address', address: env['TEMPORAL_ADDRESS'] };
  if (given(env['TEMPORAL_CLI_PATH'])) return namedProgram(env['TEMPORAL_CLI_PATH']);

  const tried: string[] = [];
  const onPath = (env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'temporal'))
    .find((path) => existsSync(path));
  if (onPath === undefined) tried.push('temporal on PATH: there is none');
  else {
    const found = await usable(onPath, 'PATH', tried);
    if (found !== null) return found;
  }
  const version = pinnedCliVersion();
  const cached = join(cacheFolder(env), `temporal-${version}`);
  if (!existsSync(cached)) tried.push(`the cache folder: no ${cached}`);
  else {
    const found = await usable(cached, 'the cache folder', tried);
    if (found !== null) return found;
  }
  return fetchInto(cached, version, options, tried);
};

const given = (value: string | undefined): value is string => value !== undefined && value !== '';

const namedProgram = async (path: string): Promise<TemporalSource> => {
  const tried: string[] = [];
  const found = await usable(path, 'TEMPORAL_CLI_PATH', tried);
  if (found !== null) return found;
  throw new Trouble(
    tried.join('; '),
    'point TEMPORAL_CLI_PATH at a newer Temporal CLI, or unset it to let one be found',
  );
};

const usable = async (path: string, from: string, tried: string[]): Promise<TemporalSource | null> => {
  const server = await serverVersionOf(path);
  if (server === null) tried.push(`${from}: ${path} does not tell which server it holds`);
  else if (!isSafeServer(server))
    tried.push(`${from}: ${path} holds server ${server}, which has known vulnerabilities (at least ${floors})`);
  else return { kind: 'program', path, server, from };
  return null;
};

const floors = '1.30.4, 1.29.6 or 1.28.4';

/** Servers before 1.30.4 (1.29.6 and 1.28.4 on those lines) have published vulnerabilities and are refused. */
export const isSafeServer = (version: string): boolean => {
  const parts = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version);
  if (parts === null) return false;
  const [major, minor, patch] = parts.slice(1).map(Number) as [number, number, number];
  if (major !== 1) return major > 1;
  if (minor > 30) return true;
  const floor = new Map([[30, 4], [29, 6], [28, 4]]).get(minor); // prettier-ignore
  return floor !== undefined && patch >= floor;
};

/** The server inside a Temporal CLI, as `temporal --version` tells it; null when it does not. */
export const serverVersionOf = async (path: string): Promise<string | null> => {
  try {
    const { stdout } = await promisify(execFile)(path, ['--version'], { timeout: 15_000 });
    return /\(Server v?([^,)\s]+)/.exec(stdout)?.[1] ?? null;
  } catch {
    return null;
  }
};

/** `$XDG_CACHE_HOME/curfew`, or `~/.cache/curfew`. */
export const cacheFolder = (env: NodeJS.ProcessEnv): string =>
  join(given(env['XDG_CACHE_HOME']) ? env['XDG_CACHE_HOME'] : join(homedir(), '.cache'), 'curfew');

/** The version of the CLI that the module file pins: the one to download, build and keep. */
export const pinnedCliVersion = (): string => {
  const version = /github\.com\/temporalio\/cli v(\S+)/.exec(readFileSync(join(moduleFolder, 'go.mod'), 'utf8'))?.[1];
  if (version === undefined) throw new Error('dev/temporal-cli/go.mod names no github.com/temporalio/cli');
  return version;
};

const fetchInto = async (
  cached: string,
  version: string,
  options: FindOptions,
  tried: string[],
): Promise<TemporalSource> => {
  const { env, progress } = options;
  const onWait = (): void => progress('another process is fetching the Temporal server; waiting for it');
  const release = await takeLock(`${cached}.lock`, { waitMs: fetchWithinMs, onWait });
  try {
    if (existsSync(cached)) {
      const found = await usable(cached, 'the cache folder', []);
      if (found !== null) return found;
    }
    const ways: readonly [string, FetchProgram][] = [
      ["the SDK's download", options.download ?? downloadProgram],
      ['a build of the Go module', options.build ?? buildProgram],
    ];
    for (const [from, fetchProgram] of ways) {
      // Only a program that runs and is new enough gets the cached name.
      const path = `${cached}.new`;
      rmSync(path, { force: true });
      try {
        await fetchProgram({ version, path, env, progress });
        chmodSync(path, 0o755);
        const found = await usable(path, from, tried);
        if (found === null) continue;
        renameSync(path, cached);
        return { ...found, path: cached } as TemporalSource;
      } catch (error) {
        tried.push(`${from}: ${messageOf(error).trim()}`);
      } finally {
        rmSync(path, { force: true });
      }
    }
  } finally {
    release();
  }
  throw new Trouble(
    `no Temporal server was found. Tried:\n${tried.map((line) => `  - ${line}`).join('\n')}`,
    `any one of these: set TEMPORAL_ADDRESS to a running server; set TEMPORAL_CLI_PATH to a Temporal CLI; put temporal on PATH; put one at ${cached}; open the network for the download; install Go, for the build`,
  );
};
