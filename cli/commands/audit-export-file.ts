/** A file that an export is written to: never overwritten, and gone on with after its last whole line. */
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { exportHead, firstBytes, placeIn, type ExportFormat } from '../../audit/report/export.ts';
import { notWritten } from '../new-file.ts';
import { fileFault } from '../settings.ts';
import { exitCodes, Stopped } from '../terminal.ts';

export type ExportFile = {
  /** The place of the last entry in it; -1: it has none. */
  readonly cursor: number;
  /** Nothing is in it yet. */
  readonly empty: boolean;
  /** @throws Stopped where it cannot be written: no space is left, for one */
  write(text: string): void;
  /**
   * Leaves it before its end, with whole lines alone; without any it is taken away again, where it was not there before.
   * @returns what is left, in words; it throws nothing, for whoever calls has an error of its own to tell
   */
  leave(): string;
  close(): void;
};

/** No line of the log is longer. */
const longestLine = 16 * 1024 * 1024;

/**
 * @param goOn continues a file that is there: what was half written of its last line is cut off
 * @throws Stopped where the file is there and is not to be continued, or is no export of this format
 */
export function openExport(path: string, format: ExportFormat, goOn: boolean): ExportFile {
  const { descriptor, isNew } = opened(path, goOn);
  try {
    const cursor = isNew ? -1 : lastPlace(descriptor, path, format);
    let isTouched = isNew;
    return {
      cursor,
      empty: fstatSync(descriptor).size === 0,
      write: (text) => {
        const bytes = Buffer.from(text, 'utf8');
        isTouched = true;
        try {
          for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done);
        } catch (error) {
          throw notWritten(path, error, true);
        }
      },
      leave: () => {
        if (!isTouched) return `Nothing was added to ${path}.`;
        try {
          const place = lastPlace(descriptor, path, format);
          if (place >= 0) return `${path} ends with place ${place}, and is not all of it: --resume goes on with it.`;
          if (isNew) rmSync(path, { force: true });
          return `${path} has no entry yet${isNew ? ', and is not kept' : ''}.`;
        } catch (error) {
          const why = error instanceof Stopped ? error.message : `${path} cannot be read: ${fileFault(error)}.`;
          return `${path} is not all of it, and may end in half a line. ${why}`;
        }
      },
      close: () => closeSync(descriptor),
    };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** What is to be gone on with and is not there begins as any other does. */
function opened(path: string, goOn: boolean): { readonly descriptor: number; readonly isNew: boolean } {
  try {
    if (goOn) return { descriptor: openSync(path, constants.O_RDWR | constants.O_APPEND), isNew: false };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw notWritten(path, error, true);
  }
  try {
    return { descriptor: openSync(path, 'wx+', 0o600), isNew: true };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST')
      throw new Stopped(`${path} is there already. Go on with it by --resume, or name another.`, exitCodes.usage);
    throw notWritten(path, error, true);
  }
}

/**
 * Reads the place in the last whole line, and cuts off what follows it: only once it is known to be an export, for
 * whoever named another file by mistake still has it whole.
 */
function lastPlace(descriptor: number, path: string, format: ExportFormat): number {
  const { size } = fstatSync(descriptor);
  const from = Math.max(0, size - longestLine);
  const tail = Buffer.alloc(size - from);
  for (let read = 0; read < tail.length;) read += readSync(descriptor, tail, read, tail.length - read, from + read);
  const end = tail.lastIndexOf(10) + 1;
  const place = from + end === 0 ? noPlace(format, tail) : placeOf(format, tail.subarray(0, end), from === 0);
  if (place === undefined) throw new Stopped(`${path} is no export in the format ${format}.`, exitCodes.usage);
  if (end < tail.length) ftruncateSync(descriptor, from + end);
  return place;
}

/** @param isAll do these lines begin where the file does? A heading alone has no place */
function placeOf(format: ExportFormat, lines: Buffer, isAll: boolean): number | undefined {
  const [last = '', ...more] = lines.toString('utf8').split('\n').toReversed().slice(1);
  const isHead = format === 'csv' && isAll && more.length === 0 && `${last}\n` === exportHead(format);
  return isHead ? -1 : placeIn(format, last);
}

/** Of a file without a whole line: it is empty, or has the beginning of a first one. */
function noPlace(format: ExportFormat, bytes: Buffer): number | undefined {
  const text = bytes.toString('utf8');
  const begins = firstBytes[format];
  return text.startsWith(begins) || begins.startsWith(text) ? -1 : undefined;
}
