/**
 * Something about this machine or the state folder that the person at the terminal can mend: a taken port, a missing
 * program, a broken folder. Shown as two lines, what is wrong and the mend, without a stack.
 */
export class Trouble extends Error {
  readonly mend: string;

  constructor(what: string, mend: string, options?: ErrorOptions) {
    super(`${what}\n  Mend: ${mend}`, options);
    this.name = 'Trouble';
    this.mend = mend;
  }
}

/** The `code` of a system or driver error (`ENOENT`, `ECONNREFUSED`, `28P01`), or null where there is none. */
export const codeOf = (error: unknown): string | null => {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : null;
};

/** One line about anything that was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
