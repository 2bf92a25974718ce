// A lock that is a folder: mkdir is atomic everywhere. Plain JavaScript without dependencies, because launch.mjs needs
// it before any package is there. The types are in lock.d.mts.
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

// Between mkdir and the owner's name in it there is a moment; a folder older than this without a name is abandoned.
const namelessMs = 10_000;

export class LockHeld extends Error {
  constructor(folder, owner) {
    super(`${folder} is held by process ${owner ?? 'unknown'}`);
    this.name = 'LockHeld';
    this.folder = folder;
    this.owner = owner;
  }
}

export const takeLock = async (folder, { waitMs = 0, onWait = () => undefined } = {}) => {
  const giveUpAt = Date.now() + waitMs;
  let told = false;
  mkdirSync(dirname(folder), { recursive: true });
  for (;;) {
    if (tryLock(folder)) return () => releaseLock(folder);
    const owner = ownerOf(folder);
    if (isStale(folder, owner)) {
      breakStale(folder, owner);
      if (tryLock(folder)) return () => releaseLock(folder);
    }
    if (Date.now() >= giveUpAt) throw new LockHeld(folder, owner);
    if (!told) onWait(owner);
    told = true;
    await pause(100);
  }
};

const tryLock = (folder) => {
  try {
    mkdirSync(folder);
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
  writeFileSync(join(folder, 'owner'), String(process.pid));
  return true;
};

const releaseLock = (folder) => {
  // Not somebody else's: a lock that was broken by hand may have a new owner.
  if (ownerOf(folder) === process.pid) rmSync(folder, { recursive: true, force: true });
};

const ownerOf = (folder) => {
  try {
    const pid = Number(readFileSync(join(folder, 'owner'), 'utf8'));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : null;
  } catch {
    return null;
  }
};

const isStale = (folder, owner) => {
  if (owner === null) return ageMs(folder) > namelessMs;
  try {
    process.kill(owner, 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
};

// Two may find one stale lock: the second must not remove what the first has taken since. So breaking is locked too,
// and the owner is read again inside.
const breakStale = (folder, owner) => {
  const breaking = `${folder}.breaking`;
  try {
    mkdirSync(breaking);
  } catch {
    if (ageMs(breaking) > namelessMs) rmSync(breaking, { recursive: true, force: true });
    return;
  }
  if (ownerOf(folder) === owner) rmSync(folder, { recursive: true, force: true });
  rmSync(breaking, { recursive: true, force: true });
};

const ageMs = (folder) => {
  const made = statSync(folder, { throwIfNoEntry: false })?.mtimeMs;
  return made === undefined ? 0 : Date.now() - made;
};
