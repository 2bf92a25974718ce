import { readFile, stat } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import type { ConditionState } from '../domain/condition.ts';
import type { Source } from './source.ts';

const largestBytes = 1_048_576;
const states = z.record(z.string().min(1).max(200), z.enum(['open', 'resolved', 'closed']));
const shape = z.strictObject({ incidents: states.default({}), tickets: states.default({}) });
type Known = { readonly incident: ReadonlyMap<string, string>; readonly ticket: ReadonlyMap<string, string> };

type Read = { readonly stamp: string; readonly known: Known } | { readonly stamp: string; readonly trouble: string };

/**
 * A YAML file that somebody keeps: `{ incidents: { INC-12: open | resolved }, tickets: { OPS-7: open | closed } }`. It is
 * read again when it has changed. A key that it does not name, and every key of a file that cannot be read, is unknown.
 */
export function fileSource(path: string): Source {
  let read: Read | undefined;
  const current = async (): Promise<Read> => {
    const stamp = await stampOf(path);
    if (read?.stamp !== stamp || stamp === absent) read = await readKnown(path, stamp);
    return read;
  };
  return {
    async stateOf({ kind, key }): Promise<ConditionState> {
      const now = await current();
      if ('trouble' in now || kind === 'shift') return 'unknown';
      const state = now.known[kind].get(key);
      return state === undefined ? 'unknown' : state === 'open' ? 'holds' : 'over';
    },
    trouble: () => (read && 'trouble' in read ? read.trouble : undefined),
  };
}

const absent = 'absent';

/** Another inode, size or time is another text: editors replace files, and orchestrators the links to them. */
async function stampOf(path: string): Promise<string> {
  try {
    const { ino, size, mtimeMs } = await stat(path);
    return `${ino}/${size}/${mtimeMs}`;
  } catch {
    return absent;
  }
}

async function readKnown(path: string, stamp: string): Promise<Read> {
  try {
    const bytes = await readFile(path);
    if (bytes.length > largestBytes) return { stamp, trouble: 'The file of conditions is larger than 1 MiB.' };
    // Aliases are refused: the file needs none, and a few can stand for millions of values.
    const { incidents, tickets } = shape.parse(parse(bytes.toString('utf8'), { maxAliasCount: 0 }) ?? {});
    return { stamp, known: { incident: new Map(Object.entries(incidents)), ticket: new Map(Object.entries(tickets)) } };
  } catch {
    // NB. No word of the parser's: it quotes the text.
    return {
      stamp,
      trouble:
        'The file of conditions cannot be read. It has to say {incidents: {KEY: open | resolved}, tickets: {KEY: open | closed}}.',
    };
  }
}
