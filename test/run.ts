/**
 * `npm test`: Vitest over everything, the stories on a whole stack by themselves, and the target's SQL suite again for
 * each older PostgreSQL named in CURFEW_TEST_MORE_PG (`.ci/run` names 17 and 16).
 *
 * A file in which something failed is run once more by itself, for two others beside it may have starved its deadlines.
 * What fails again has failed. What passes then is counted as passed, and named at the end all the same: nothing is
 * called green in silence. The last line adds up what the runners themselves counted.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

type Counts = { readonly passed: number; readonly failed: number; readonly skipped: number };
type Env = Readonly<Record<string, string>>;

/** A file of Vitest's JSON report. */
type TestFile = {
  readonly name: string;
  readonly status: string;
  readonly message: string;
  readonly assertionResults: readonly {
    readonly fullName: string;
    readonly status: string;
    readonly failureMessages?: readonly string[];
  }[];
};

/** `problem`: why the run failed beside its tests and files, as by an error that nobody awaited. */
type Run = { readonly files: readonly TestFile[]; readonly problem?: string };

const root = fileURLToPath(new URL('..', import.meta.url));
const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
const reporters = ['default', 'json', fileURLToPath(new URL('unhandled.ts', import.meta.url))].map(
  (name) => `--reporter=${name}`,
);
/** More files than these did not fail by bad luck. */
const mostAgain = 3;

async function run(arguments_: readonly string[], env: Env): Promise<Run> {
  const folder = await mkdtemp(join(tmpdir(), 'curfew-test-'));
  const output = join(folder, 'result.json');
  const unhandled = join(folder, 'unhandled.json');
  const child = spawn(process.execPath, [vitest, 'run', ...reporters, `--outputFile.json=${output}`, ...arguments_], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env, CURFEW_TEST_UNHANDLED: unhandled },
  });
  const code = await new Promise<number>((resolve) => child.once('exit', (status) => resolve(status ?? 1)));
  const problem = `vitest ${arguments_.join(' ')} ended with ${code}`;
  try {
    const { testResults: files } = JSON.parse(await readFile(output, 'utf8')) as { testResults: TestFile[] };
    const errors = JSON.parse(await readFile(unhandled, 'utf8')) as string[];
    if (errors.length > 0) return { files, problem: `${problem}, with what nobody awaited:\n${errors.join('\n')}` };
    return code === 0 || files.some(isFailed) ? { files } : { files, problem: `${problem}, and no test of it failed` };
  } catch {
    return { files: [], problem: `${problem} and wrote no report` };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const isFailed = ({ status }: { readonly status: string }): boolean => status === 'failed';

/** The files of a run, those that failed as they were when they were run again by themselves. */
async function runTwice(arguments_: readonly string[], env: Env): Promise<Run> {
  const first = await run(arguments_, env);
  const failed = first.files.filter(isFailed);
  if (failed.length === 0 || failed.length > mostAgain) return first;
  process.stdout.write(`\nOnce more, by itself: ${failed.map(({ name }) => relative(root, name)).join(', ')}\n`);
  const again = await run([...failed.map(({ name }) => name), '--maxWorkers=1'], env);
  for (const file of failed) {
    if (!again.files.some(({ name, status }) => name === file.name && status === 'passed')) continue;
    said.push(...failures(file).map((words) => `PASSED ONLY WHEN IT WAS RUN BY ITSELF: ${words}`));
  }
  const problem = first.problem ?? again.problem;
  const files = first.files.map((file) => again.files.find(({ name }) => name === file.name) ?? file);
  return { files, ...(problem === undefined ? {} : { problem }) };
}

/** The file, the name and the words of each test of it that failed, without the frames that are Vitest's. */
function failures(file: TestFile): readonly string[] {
  const where = relative(root, file.name);
  const tests = file.assertionResults.filter(isFailed);
  if (tests.length === 0) return isFailed(file) ? [`${where}\n${file.message}`] : [];
  return tests.map(({ fullName, failureMessages = [] }) => {
    const lines = failureMessages.flatMap((message) => message.split('\n'));
    const own = lines.filter((line) => !line.includes('node_modules/vitest') && !line.includes('at new Promise'));
    return `${where} > ${fullName}\n${own.join('\n')}`;
  });
}

function countsOf({ files, problem }: Run): Counts {
  const tests = files.flatMap(({ assertionResults }) => assertionResults);
  const failed = tests.filter(isFailed).length;
  // NB. A file that cannot even be loaded fails, and no test of it; nor does one by an error that nobody awaited.
  const broken = files.filter((file) => isFailed(file) && !file.assertionResults.some(isFailed)).length;
  const passed = tests.filter(({ status }) => status === 'passed').length;
  return { passed, failed: failed + broken + (problem === undefined ? 0 : 1), skipped: tests.length - passed - failed };
}

/** What is said of all runs before the last line. */
const said: string[] = [];
const total = { passed: 0, failed: 0, skipped: 0 };
async function add(arguments_: readonly string[], env: Env = {}): Promise<void> {
  const done = await runTwice(arguments_, env);
  const { passed, failed, skipped } = countsOf(done);
  said.push(...done.files.flatMap(failures).map((words) => `FAILED ${words}`));
  if (done.problem !== undefined) said.push(`FAILED ${done.problem}`);
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
}

const filters = process.argv.slice(2);
const older = (process.env['CURFEW_TEST_MORE_PG'] ?? '').split(',').filter((version) => version !== '');
if (filters.length > 0) {
  await add(filters);
} else {
  await add(['--exclude=test/story.*']);
  // Each of these has a whole stack of its own: one after the other, or two of them starve each other's deadlines.
  await add(['test/story.', '--maxWorkers=1']);
  for (const version of older) {
    process.stdout.write(`\nThe target's SQL on PostgreSQL ${version}\n`);
    await add(['test/targets.'], { CURFEW_TEST_PG: version });
  }
}
if (said.length > 0) process.stdout.write(`\n${said.join('\n\n')}\n\n`);
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
process.stdout.write(`${total.passed} passed, ${total.failed} failed${skipped}\n`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
