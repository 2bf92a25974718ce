/**
 * `npm test`: Vitest over everything, the stories on a whole stack by themselves, and the target's SQL suite again for
 * each older PostgreSQL named in CURFEW_TEST_MORE_PG (`.ci/run` names 17 and 16). What failed is said once more at the
 * end, where it is found; the last line adds up what the runners themselves counted.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

type Counts = { passed: number; failed: number; skipped: number };

/** What is read of Vitest's JSON report. */
type Report = {
  readonly testResults?: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
};

const root = fileURLToPath(new URL('..', import.meta.url));
const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
/** What failed, of all runs. */
const said: string[] = [];

/** A failure's words without the frames that are Vitest's. */
const own = (message: string): string =>
  message
    .split('\n')
    .filter((line) => !line.includes('node_modules/vitest') && !line.trim().startsWith('at new Promise'))
    .join('\n');

/** The file, the name and the words of each test that failed, and of each file that could not be run. */
function failures(report: Report): string[] {
  return (report.testResults ?? []).flatMap((file) => {
    const tests = file.assertionResults.filter(({ status }) => status === 'failed');
    const where = relative(root, file.name);
    if (tests.length === 0 && file.status === 'failed') return [`FAILED ${where}\n${file.message}`];
    return tests.map((test) => `FAILED ${where} > ${test.fullName}\n${own((test.failureMessages ?? []).join('\n'))}`);
  });
}

/** Runs Vitest and reads its own count; a run that wrote none counts as one failure. */
async function run(arguments_: readonly string[], env: Readonly<Record<string, string>>): Promise<Counts> {
  const folder = await mkdtemp(join(tmpdir(), 'curfew-test-'));
  const output = join(folder, 'result.json');
  const child = spawn(
    process.execPath,
    [vitest, 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${output}`, ...arguments_],
    { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...env } },
  );
  const code = await new Promise<number>((resolve) => child.once('exit', (status) => resolve(status ?? 1)));
  try {
    const result = JSON.parse(await readFile(output, 'utf8')) as Record<string, unknown>;
    const count = (name: string): number => (typeof result[name] === 'number' ? result[name] : 0);
    const failed = count('numFailedTests');
    said.push(...failures(result));
    if (code !== 0 && said.length === 0) said.push(`FAILED vitest ${arguments_.join(' ')}: it ended with ${code}`);
    return {
      passed: count('numPassedTests'),
      // NB. A file that cannot even be loaded, or an unhandled error, fails the run and no test.
      failed: code !== 0 && failed === 0 ? 1 : failed,
      skipped: count('numPendingTests') + count('numTodoTests'),
    };
  } catch {
    said.push(`FAILED vitest ${arguments_.join(' ')}: it ended with ${code} and wrote no report`);
    return { passed: 0, failed: 1, skipped: 0 };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const filters = process.argv.slice(2);
const total: Counts = { passed: 0, failed: 0, skipped: 0 };
const add = (more: Counts): void => {
  total.passed += more.passed;
  total.failed += more.failed;
  total.skipped += more.skipped;
};
if (filters.length > 0) {
  add(await run(filters, {}));
} else {
  add(await run(['--exclude=test/story.*'], {}));
  // Each of these has a whole stack of its own: one after the other, or two of them starve each other's deadlines.
  add(await run(['test/story.', '--maxWorkers=1'], {}));
}
const older = (process.env['CURFEW_TEST_MORE_PG'] ?? '').split(',').filter((version) => version !== '');
for (const version of filters.length > 0 ? [] : older) {
  process.stdout.write(`\nThe target's SQL on PostgreSQL ${version}\n`);
  add(await run(['test/targets.'], { CURFEW_TEST_PG: version }));
}
if (said.length > 0) process.stdout.write(`\n${said.join('\n\n')}\n\n`);
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
process.stdout.write(`${total.passed} passed, ${total.failed} failed${skipped}\n`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
