/** The `curfew` command, as an operator of the stack runs it: a process of its own, with its own environment. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { compileCache } from '../start-cache.ts';
import { operatorEnvironment, type Environment } from '../stack/environments.ts';
import type { StackSettings } from '../stack/settings.ts';

const script = join(import.meta.dirname, '..', '..', 'cli', 'main.ts');
const withinMs = 60_000;
/** In bytes. */
const mostPrinted = 64 * 1024 * 1024;

export type Ran = { readonly code: number; readonly out: string; readonly err: string };

/** @param env what differs for this operator, e.g. their own login @throws Error where it does not end in a minute */
export type Command = (words: readonly string[], env?: Environment) => Promise<Ran>;

export const commandOn =
  (settings: StackSettings): Command =>
  (words, env = {}) =>
    runCurfew(words, { ...operatorEnvironment(settings), ...env });

/** As somebody who has this environment and no other: an auditor has none at all. */
export const runCurfew: Command = (words, env = {}) =>
  new Promise((resolve, reject) => {
    const whole = { PATH: process.env['PATH'], ...compileCache, ...env };
    execFile(
      process.execPath,
      [script, ...words],
      { env: whole, timeout: withinMs, maxBuffer: mostPrinted },
      (error, out, err) => {
        if (error?.killed === true) return reject(new Error(`curfew ${words.join(' ')} did not end: ${err}`));
        resolve({ code: typeof error?.code === 'number' ? error.code : error ? 1 : 0, out, err });
      },
    );
  });
