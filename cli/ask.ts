import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';

/** Readline echoes what is typed to its output, so a hidden answer has an output that shows nothing. */
const nowhere = new Writable({ write: (_part, _encoding, done) => done() });

/**
 * Asks on the terminal itself, beside the output, which may go into a file. Hidden as a password: nothing is echoed.
 * @returns undefined where nobody sits at a terminal, or they end the input
 */
export async function askOnTerminal(
  question: string,
  { hidden = false }: { readonly hidden?: boolean } = {},
): Promise<string | undefined> {
  if (!process.stdin.isTTY) return undefined;
  process.stderr.write(question);
  const output = hidden ? nowhere : process.stderr;
  const lines = createInterface({ input: process.stdin, output, terminal: true, historySize: 0 });
  const ended = new AbortController();
  lines.once('close', () => ended.abort());
  lines.once('SIGINT', () => lines.close());
  try {
    return await lines.question('', { signal: ended.signal });
  } catch {
    return undefined;
  } finally {
    lines.close();
    if (hidden) process.stderr.write('\n');
  }
}
