import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const tool = async (path: string, ...words: string[]): Promise<string> => {
  const run = promisify(execFile);
  try {
    await run(process.execPath, [`${root}node_modules/${path}`, ...words], { cwd: root, maxBuffer: 16 << 20 });
    return '';
  } catch (error) {
    const failure = error as { stdout?: string; stderr?: string };
    return `${failure.stdout ?? ''}${failure.stderr ?? ''}` || String(error);
  }
};

test('the compiler has nothing to say', async () => {
  expect(await tool('typescript/bin/tsc', '-p', '.')).toBe('');
}, 180_000);

test("nor of the playground's page, which runs in a browser", async () => {
  expect(await tool('typescript/bin/tsc', '-p', 'dev/playground/page')).toBe('');
}, 180_000);

test('the linter has nothing to say', async () => {
  expect(await tool('oxlint/bin/oxlint', '--type-aware', '--deny-warnings')).toBe('');
}, 180_000);

test('everything is formatted by Prettier', async () => {
  expect(await tool('prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.')).toBe('');
}, 180_000);
