/** What a command may touch of the world around it; `main.ts` gives the real one, tests give their own. */
import type { ReadText } from '../config/field.ts';

export type Terminal = {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Standard output: what was asked for. */
  out(text: string): void;
  /** Standard error: progress, and why not. */
  err(text: string): void;
  readonly clock: () => number;
  /** Shows one line of progress in place of the one before; an empty one takes it away. Absent: nobody looks on. */
  progress?(line: string): void;
  /**
   * Asks whoever sits there for a line; `hidden`: what they type is not shown. Absent, or undefined: nobody sits there.
   */
  ask?(question: string, how?: { readonly hidden?: boolean }): Promise<string | undefined>;
  /**
   * Whoever ends this process by Ctrl-C, or asks it to end, has it undo first what it has half done: `undo` is called, and
   * the process ends with 128 and the signal's number. Absent: nobody does.
   * @returns takes that back
   */
  onInterrupt?(undo: () => void): () => void;
  /** Reads a file's text. @throws the system's error */
  readonly readText: ReadText;
  /**
   * Runs a program on this terminal, with these variables in its environment alone.
   * @returns its exit code; 1 where a signal ended it
   */
  run(program: string, words: readonly string[], env: Readonly<Record<string, string>>): Promise<number>;
};

/**
 * The same terminal, on which nothing that is printed can rewrite what stands there or turn its direction: control
 * characters and such marks are shown by their numbers, as JSON writes them, so that JSON stays the same value.
 */
export const harmless = (terminal: Terminal): Terminal => ({
  ...terminal,
  out: (text) => terminal.out(numbered(text)),
  err: (text) => terminal.err(numbered(text)),
});

const unprinted =
  // oxlint-disable-next-line no-control-regex -- finding control characters is what this is for
  /\r(?!\n)|[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/g;

const numbered = (text: string): string =>
  text.replaceAll(unprinted, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Others wrote it: one line, without what does not print. */
export const oneLine = (text: string): string =>
  text
    .toWellFormed()
    // oxlint-disable-next-line no-control-regex -- finding control characters is what this is for
    .replaceAll(/[\u0000-\u001F\u007F-\u009F\u2028\u2029]+/g, ' ')
    .replaceAll(/[\u061C\u200B\u200E\u200F\u202A-\u202E\u2060-\u2069\uFEFF]/g, '');

/** 0: done. 1: refused, or something was found. 2: called or configured wrongly; nothing was done. */
export const exitCodes = { done: 0, refused: 1, usage: 2 } as const;
export type ExitCode = number;

/** Why a command stopped, for the person who called it: what was wrong and what mends it. No secrets, no stack. */
export class Stopped extends Error {
  readonly exitCode: ExitCode;
  constructor(message: string, exitCode: ExitCode = exitCodes.refused) {
    super(message);
    this.exitCode = exitCode;
  }
}

export const printJson = (terminal: Terminal, value: unknown): void =>
  terminal.out(`${JSON.stringify(value, null, 2)}\n`);

/** Rows under headings, in columns as wide as their widest cell; control characters become spaces. */
export function printTable(
  terminal: Terminal,
  headings: readonly string[],
  rows: readonly (readonly unknown[])[],
): void {
  const cells = [headings, ...rows.map((row) => row.map(cellOf))];
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? '').length)));
  for (const row of cells) {
    terminal.out(
      `${row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd()}\n`,
    );
  }
}

const cellOf = (value: unknown): string => {
  if (value === null || value === undefined) return '-';
  const text = value instanceof Date ? value.toISOString() : typeof value === 'string' ? value : JSON.stringify(value);
  return oneLine(text);
};
