import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startProcess, startedThings, untilReady, type ProcessSpec } from '../dev/processes.ts';
import { Trouble } from '../dev/trouble.ts';
import { eventually } from './support/eventually.ts';
import { isRunning, scratchFolder } from './support/folder.ts';

/** A process that runs a line of JavaScript. */
const specOf = (folder: string, code: string): ProcessSpec => ({
  name: 'sample',
  command: process.execPath,
  args: ['-e', code],
  logFile: join(folder, 'sample.log'),
});
const forEver = 'setInterval(() => {}, 1000)';

test('a process is asked to end and its exit is told', async () => {
  const folder = scratchFolder();
  const running = await startProcess(
    specOf(folder, `process.on('SIGTERM', () => process.exit(3)); console.log('up'); ${forEver}`),
  );
  await eventually('it is up', () => running.lastLines(1).includes('up'));
  expect(await running.stop()).toEqual({ code: 3, signal: null });
  expect(await running.stop()).toEqual({ code: 3, signal: null });
  expect(running.alive()).toBe(false);
});

test('one that will not end is killed when its time is over, and its children with it', async () => {
  const folder = scratchFolder();
  const code = `process.on('SIGTERM', () => {});
    const child = require('node:child_process').spawn(process.execPath, ['-e', '${forEver}'], { stdio: 'ignore' });
    console.log('child ' + child.pid); ${forEver}`;
  const running = await startProcess({ ...specOf(folder, code), stop: [{ signal: 'SIGTERM', withinMs: 100 }] });
  const child = await eventually(
    'its child is up',
    () => Number(/child (\d+)/.exec(running.lastLines(1))?.[1]) || false,
  );
  expect(await running.stop()).toEqual({ code: null, signal: 'SIGKILL' });
  await eventually('the child is gone', () => !isRunning(child));
});

test('an exit that nobody asked for is reported with the last lines of the log', async () => {
  const folder = scratchFolder();
  const reports: Trouble[] = [];
  const running = await startProcess({
    ...specOf(folder, `console.error('disk is full'); process.exit(9)`),
    onUnexpectedExit: (trouble) => reports.push(trouble),
  });
  await running.exited;
  expect(reports[0]?.message).toMatch(/sample ended by itself \(exit code 9\)[^]*disk is full[^]*Mend: .*sample\.log/);
});

test('an exit that was asked for is not reported', async () => {
  const reports: Trouble[] = [];
  const spec = { ...specOf(scratchFolder(), forEver), onUnexpectedExit: (trouble: Trouble) => reports.push(trouble) };
  await (await startProcess(spec)).stop();
  await (await startProcess(spec)).kill('SIGKILL');
  expect(reports).toEqual([]);
});

test('waiting for readiness ends at once when the process does, and in time when it does not answer', async () => {
  const folder = scratchFolder();
  const dead = await startProcess(specOf(folder, `console.log('no such option'); process.exit(2)`));
  await expect(untilReady(dead, 60_000, () => Promise.reject(new Error('refused')))).rejects.toThrow(
    /exit code 2[^]*no such option/,
  );
  const deaf = await startProcess(specOf(folder, forEver));
  await expect(untilReady(deaf, 100, () => Promise.reject(new Error('refused')))).rejects.toThrow(
    /did not answer within 0.1 s \(refused\)/,
  );
  await deaf.stop();
});

test('a program that does not exist is a trouble that names it', async () => {
  const spec = { ...specOf(scratchFolder(), ''), command: '/no/such/program' };
  await expect(startProcess(spec)).rejects.toThrow(Trouble);
  await expect(startProcess(spec)).rejects.toThrow('/no/such/program');
});

test('started things stop in the opposite order, and one that fails does not keep the others', async () => {
  const order: string[] = [];
  const things = startedThings();
  const thing = (
    name: string,
    end: Promise<void> = Promise.resolve(),
  ): { name: string; stop: () => Promise<void> } => ({
    name,
    stop: () => {
      order.push(name);
      return end;
    },
  });
  things.add(thing('store'));
  things.add(thing('temporal', Promise.reject(new Error('stuck'))));
  things.add(thing('api'));
  await expect(things.stopAll()).rejects.toThrow('some parts did not stop in order');
  expect(order).toEqual(['api', 'temporal', 'store']);
});

test.each([
  ['is killed with SIGKILL', `process.kill(process.pid, 'SIGKILL')`, { code: null, signal: 'SIGKILL' }],
  ['calls exit', 'process.exit(4)', { code: 4, signal: null }],
  ['throws', `setTimeout(() => { throw new Error('broken'); })`, { code: 1, signal: null }],
])('a parent that %s leaves no process behind', async (_name, ending, exit) => {
  const folder = scratchFolder();
  const pids = join(folder, 'pids');
  const script = join(folder, 'parent.ts');
  const started = `await startProcess({ name: 'a', command: process.execPath, args: ['-e', ${JSON.stringify(forEver)}], logFile: ${JSON.stringify(join(folder, 'a.log'))}, stop: [{ signal: 'SIGTERM', withinMs: 300 }] })`;
  const stubborn = started.replace('setInterval', `process.on('SIGTERM', () => {}); setInterval`);
  writeFileSync(
    script,
    `import { writeFileSync } from 'node:fs';
     import { startProcess } from ${JSON.stringify(join(import.meta.dirname, '../dev/processes.ts'))};
     const one = ${started};
     const other = ${stubborn};
     writeFileSync(${JSON.stringify(pids)}, one.pid + ' ' + other.pid);
     process.stdin.once('data', () => { ${ending} });`,
  );
  const parent = spawn(process.execPath, [script], { stdio: ['pipe', 'ignore', 'ignore'] });
  onTestFinished(() => void parent.kill('SIGKILL'));
  await eventually('both are up', () => existsSync(pids) && readFileSync(pids, 'utf8').includes(' '));
  const [one, other] = readFileSync(pids, 'utf8').split(' ').map(Number) as [number, number];
  expect([isRunning(one), isRunning(other)]).toEqual([true, true]);
  parent.stdin.write('now');
  const [code, signal] = (await once(parent, 'exit')) as [number | null, string | null];
  expect({ code, signal }).toEqual(exit);
  await eventually('both are gone', () => !isRunning(one) && !isRunning(other));
});
