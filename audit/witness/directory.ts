/**
 * A folder of append-only files, one a checkpoint: on another machine's disk, or one whose files cannot be changed once
 * they are written (`chattr +a`, a bucket with retention).
 */
import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { noteName, type Witness } from './witness.ts';

const file = /^\d{6}-\d{16}(?:\.\d)?\.note$/;
/** A process that died while it wrote left a file that is no whole note; the one before it is the newest then. */
const looksBack = 20;
/** Beside a torn file, under the same name with a number. */
const tries = 9;

/** @param folder an absolute path; it must be there: a witness that is not mounted must not be taken for an empty one */
export const directoryWitness = (folder: string): Witness => ({
  name: folder,

  async newest() {
    const names = (await readdir(folder)).filter((name) => file.test(name)).toSorted();
    for (const name of names.toReversed().slice(0, looksBack)) {
      const note = await readFile(join(folder, name), 'utf8');
      if (isWhole(note)) return note;
    }
    return undefined;
  },

  async put(note, checkpoint) {
    for (let tried = 0; tried <= tries; tried += 1) {
      const path = join(folder, `${noteName(checkpoint)}${tried === 0 ? '' : `.${tried}`}.note`);
      if (await writeNew(path, note)) return await flushFolder(folder);
      if (isWhole(await readFile(path, 'utf8'))) return;
    }
    throw new Error('the files of this checkpoint are all torn');
  },
});

/** Text, an empty line, and at least one signature's line to its end. */
const isWhole = (note: string): boolean => /\n\n(?:\u2014 [^\n]+\n)+$/.test(note);

/** @returns false where such a file is there: none is ever written again */
async function writeNew(path: string, text: string): Promise<boolean> {
  const handle = await open(path, 'wx', 0o444).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return undefined;
    throw error;
  });
  if (!handle) return false;
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return true;
}

/** The name is in the folder, and a folder has to reach the disk as well. */
async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
