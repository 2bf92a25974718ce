/** A file that an export is written to: never overwritten, and gone on with after its last whole line. */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { placeIn, type ExportFormat } from '../../audit/report/export.ts';
import { exitCodes, Stopped } from '../terminal.ts';

export type ExportFile = {
  /** The place of the last entry in it; -1: it has none. */
  readonly cursor: number;
  /** Nothing is in it yet. */
  readonly empty: boolean;
  write(text: string): void;
  close(): void;
};

/** No line of the log is longer. */
const longestLine = 16 * 1024 * 1024;

/**
 * @param goOn continues a file that is there: what was half written of its last line is cut off
 * @throws Stopped where the file is there and is not to be continued, or is no export of this format
 */
export function openExport(path: string, format: ExportFormat, goOn: boolean): ExportFile {
  const descriptor = opened(path, goOn ? 'a+' : 'wx');
  try {
    const cursor = goOn ? lastPlace(descriptor, path, format) : -1;
    return {
      cursor,
      empty: fstatSync(descriptor).size === 0,
      write: (text) => {
        const bytes = Buffer.from(text, 'utf8');
        for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done);
      },
      close: () => closeSync(descriptor),
    };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function opened(path: string, flags: string): number {
  try {
    return openSync(path, flags, 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST')
      throw new Stopped(`${path} is there already. Go on with it by --resume, or name another.`, exitCodes.usage);
    throw new Stopped(`${path} cannot be written (${code ?? 'unknown error'}).`, exitCodes.usage);
  }
}

/** Cuts off what follows the last end of a line, and reads the place in the last line. */
function lastPlace(descriptor: number, path: string, format: ExportFormat): number {
  const { size } = fstatSync(descriptor);
  const from = Math.max(0, size - longestLine);
  const tail = Buffer.alloc(size - from);
  for (let read = 0; read < tail.length;) read += readSync(descriptor, tail, read, tail.length - read, from + read);
  const end = tail.lastIndexOf(10) + 1;
  if (end < tail.length) ftruncateSync(descriptor, from + end);
  if (from + end === 0) return -1;
  const [last = '', ...more] = tail.subarray(0, end).toString('utf8').split('\n').toReversed().slice(1);
  const place = placeIn(format, last);
  if (place !== undefined) return place;
  // A heading alone has no place.
  if (format === 'csv' && more.length === 0 && from === 0) return -1;
  throw new Stopped(`${path} is no export in the format ${format}.`, exitCodes.usage);
}
