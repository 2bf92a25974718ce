/** `curfew`: the composition root of the command line. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { askOnTerminal } from './ask.ts';
import { runCurfew } from './program.ts';
import { fileFault } from './settings.ts';
import type { Terminal } from './terminal.ts';

/** A Ctrl-C on the terminal is the child's to answer: psql ends its query with it, not its session. */
const leaveToChild = (): void => undefined;

const interrupts = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const terminal: Terminal = {
  env: process.env,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  clock: Date.now,
  ...(process.stderr.isTTY ? { progress: (line: string) => void process.stderr.write(`\r\u001B[K${line}`) } : {}),
  onInterrupt: (undo) => {
    const end = (signal: NodeJS.Signals): void => {
      undo();
      process.exit(128 + constants.signals[signal]);
    };
    for (const signal of interrupts) process.on(signal, end);
    return () => {
      for (const signal of interrupts) process.off(signal, end);
    };
  },
  readText: (path) => readFileSync(path, 'utf8'),
  ask: askOnTerminal,
  run: (program, words, env) =>
    new Promise((resolve, reject) => {
      const child = spawn(program, words, { stdio: 'inherit', env: { ...process.env, ...env } });
      process.on('SIGINT', leaveToChild);
      child.once('error', reject);
      child.once('exit', (code) => {
        process.off('SIGINT', leaveToChild);
        resolve(code ?? 1);
      });
    }),
};

// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`What was printed is not all of it: ${fileFault(error)}.\n`);
  process.exit(1);
});
process.exitCode = await runCurfew(process.argv.slice(2), terminal);
