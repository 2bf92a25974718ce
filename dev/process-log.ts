import { mkdirSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

const limitBytes = 8 * 1024 * 1024;

/** Opens a log for appending, readable by this user only; one that has grown too large is set aside as `.old` first. */
export const openLog = (logFile: string): number => {
  mkdirSync(dirname(logFile), { recursive: true });
  const size = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  if (size > limitBytes) renameSync(logFile, `${logFile}.old`);
  return openSync(logFile, 'a', 0o600);
};

/** The last lines of a log, marked as such, for an error's text. */
export const tailOf = (logFile: string, count: number): string => {
  try {
    return readFileSync(logFile, 'utf8')
      .trimEnd()
      .split('\n')
      .slice(-count)
      .map((line) => `  | ${line}`)
      .join('\n');
  } catch {
    return '  | (no log)';
  }
};
