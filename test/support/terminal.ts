import { readFileSync } from 'node:fs';
import { runCurfew } from '../../cli/program.ts';
import type { Terminal } from '../../cli/terminal.ts';

export type Ran = {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Programs that it started, with what was in their environment alone. */
  readonly programs: readonly {
    readonly program: string;
    readonly words: readonly string[];
    readonly env: Readonly<Record<string, string>>;
  }[];
};

export type RunOptions = {
  readonly env?: Readonly<Record<string, string>>;
  /** Files that are not on the disk, by path. */
  readonly files?: Readonly<Record<string, string>>;
  /** What a program that it starts ends with. */
  readonly programCode?: number;
  /** What somebody who sits there answers; absent: nobody does. */
  readonly answer?: string;
};

/** Runs `curfew` as a person would, in this process, and keeps what was printed. */
export async function curfew(
  words: readonly string[],
  { env = {}, files = {}, programCode = 0, answer }: RunOptions = {},
): Promise<Ran> {
  let [out, err] = ['', ''];
  const programs: Ran['programs'][number][] = [];
  const terminal: Terminal = {
    env,
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    clock: Date.now,
    readText: (path) => files[path] ?? readFileSync(path, 'utf8'),
    ...(answer === undefined
      ? {}
      : {
          ask: (question: string) => {
            err += `${question}\n`;
            return Promise.resolve(answer);
          },
        }),
    run: async (program, given, own) => {
      programs.push({ program, words: given, env: own });
      return programCode;
    },
  };
  const code = await runCurfew(words, terminal);
  return { code, out, err, programs };
}
