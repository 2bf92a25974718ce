/** The two ways of bringing a Temporal CLI onto this machine. Both are bounded in time and leave no half file. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Puts the program of that version at `path`, whose folder exists; rejects with one line that says why it could not. */
export type FetchProgram = (request: {
  readonly version: string;
  readonly path: string;
  readonly env: NodeJS.ProcessEnv;
  readonly progress: (line: string) => void;
}) => Promise<void>;

/** Holds the go.mod and go.sum that pin the CLI and everything in it. */
export const moduleFolder = join(import.meta.dirname, 'temporal-cli');

const downloadWithinMs = 120_000;
const buildWithinMs = 20 * 60_000;
/** The longest that both may take one after the other. */
export const fetchWithinMs = downloadWithinMs + buildWithinMs;

/** The SDK can only download by starting a server, so a child does that, in a folder of its own, and is ended in time. */
export const downloadProgram: FetchProgram = async ({ version, path, env, progress }) => {
  progress(`downloading the Temporal CLI ${version}`);
  const folder = mkdtempSync(`${path}-download-`);
  try {
    const script = join(import.meta.dirname, 'temporal-download.ts');
    await run(process.execPath, [script, version, folder], {
      env,
      withinMs: downloadWithinMs,
      onLine: () => undefined,
    });
    const name = readdirSync(folder).find((file) => file.startsWith('temporal') && !file.endsWith('.downloading'));
    if (name === undefined) throw new Error('the download left no program');
    renameSync(join(folder, name), path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

export const buildProgram: FetchProgram = async ({ version, path, env, progress }) => {
  progress(`building the Temporal CLI ${version} with Go; about four minutes, once`);
  const startedAt = Date.now();
  let toldAt = startedAt;
  let packages = 0;
  const onLine = (): void => {
    packages += 1;
    if (Date.now() - toldAt < 5_000) return;
    toldAt = Date.now();
    progress(
      `building the Temporal CLI: ${packages} modules and packages, ${Math.round((toldAt - startedAt) / 1000)} s`,
    );
  };
  const args = ['build', '-v', '-trimpath', '-ldflags', '-s -w', '-o', path, 'github.com/temporalio/cli/cmd/temporal'];
  await run('go', args, { cwd: moduleFolder, env: { ...env, CGO_ENABLED: '0' }, withinMs: buildWithinMs, onLine });
};

type RunOptions = {
  readonly cwd?: string;
  readonly env: NodeJS.ProcessEnv;
  readonly withinMs: number;
  readonly onLine: (line: string) => void;
};

/** Runs a program to its end; what it writes to standard error goes to `onLine`, and its end into the error. */
const run = async (
  command: string,
  args: readonly string[],
  { withinMs, onLine, ...options }: RunOptions,
): Promise<void> => {
  const child = spawn(command, args, {
    ...options,
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: withinMs,
    killSignal: 'SIGKILL',
  });
  const ended = new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(signal ?? String(code)));
  });
  const last: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    last.push(line);
    if (last.length > 5) last.shift();
    onLine(line);
  });
  const end = await ended.catch((error: unknown) => {
    throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? new Error(`${command} is not installed`) : error;
  });
  if (end === 'SIGKILL') throw new Error(`${command} took longer than ${withinMs / 1000} s and was ended`);
  if (end !== '0') throw new Error(`${command} ended with ${end}: ${last.join(' / ')}`);
};
