/** The state folder of the embedded stack, `.curfew/`: one stack at a time, kept ports and secrets. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { LockHeld, takeLock } from './lock.mjs';
import { freePorts } from './ports.ts';
import { Trouble, messageOf } from './trouble.ts';

export type StateFolder = {
  readonly name: string;
  readonly path: string;
  /** True when nothing was kept: there is a database to make, people to import. */
  readonly isNew: boolean;
  /** A path inside the folder. */
  readonly file: (...names: readonly string[]) => string;
  /** A port of 127.0.0.1, the same in every run until `fresh`. */
  readonly port: (name: string) => Promise<number>;
  /** 32 random bytes as base64url, made at the first asking and the same in every run. */
  readonly secret: (name: string) => string;
  /** Writes JSON that only this user may read, all of it or nothing; for what holds secrets, such as `dev.json`. */
  readonly writePrivate: (name: string, value: unknown) => void;
  /** Lets the next stack have the folder. Everything that uses it has to be stopped before. */
  readonly stop: () => Promise<void>;
};

export type StateOptions = {
  readonly path: string;
  /** Of what the folder holds; raised when a newer Curfew cannot go on with what an older one kept. */
  readonly version: number;
  /** Starts over: removes everything that the folder holds. */
  readonly fresh?: boolean;
};

const schema = z.strictObject({
  version: z.number().int(),
  ports: z.record(z.string(), z.number().int().min(1).max(65_535)),
  secrets: z.record(z.string(), z.string().min(1)),
});
type Kept = z.infer<typeof schema>;

const keptFile = 'state.json';
const lockFolder = 'lock';
export const startOver = 'start over with: npm start -- --fresh (this deletes what the embedded stack holds)';

/** @throws Trouble when another stack has the folder, or it is broken, another version's, or may not be written */
export const openState = async (options: StateOptions): Promise<StateFolder> => {
  const { path, version } = options;
  const file = (...names: readonly string[]): string => join(path, ...names);
  const release = await lock(file(lockFolder));
  try {
    if (options.fresh === true) removeAllBut(path, lockFolder);
    const found = readKept(path, version);
    const kept: Kept = found ?? { version, ports: {}, secrets: {} };
    const writePrivate: StateFolder['writePrivate'] = (name, value) => {
      const whole = `${file(name)}.new`;
      // A mode is given to new files only.
      rmSync(whole, { force: true });
      writeFileSync(whole, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
      renameSync(whole, file(name));
    };
    const keep = (): void => writePrivate(keptFile, kept);
    keep();
    let drawing: Promise<unknown> = Promise.resolve();
    const drawPort = async (name: string): Promise<number> => {
      const known = kept.ports[name];
      if (known !== undefined) return known;
      const port = await portBeside(Object.values(kept.ports));
      kept.ports[name] = port;
      keep();
      return port;
    };
    return {
      name: 'state folder',
      path,
      isNew: found === null,
      file,
      // One after the other, so that two that are asked for at once cannot be given the same.
      port: (name) => {
        const drawn = drawing.then(() => drawPort(name));
        drawing = drawn.catch(() => undefined);
        return drawn;
      },
      secret: (name) => {
        const known = kept.secrets[name];
        if (known !== undefined) return known;
        const secret = randomBytes(32).toString('base64url');
        kept.secrets[name] = secret;
        keep();
        return secret;
      },
      writePrivate,
      stop: () => Promise.resolve(release()),
    };
  } catch (error) {
    release();
    throw error;
  }
};

const lock = async (folder: string): Promise<() => void> => {
  try {
    return await takeLock(folder);
  } catch (error) {
    if (!(error instanceof LockHeld)) {
      throw new Trouble(
        `the state folder cannot be used: ${messageOf(error)}`,
        'check who owns it and that the disk has room',
        { cause: error },
      );
    }
    const owner = error.owner === null ? 'another start' : `process ${error.owner}`;
    throw new Trouble(
      `another stack (${owner}) is using ${join(folder, '..')}`,
      `stop it with Ctrl-C in its terminal; if there is none any more, remove ${folder}`,
      { cause: error },
    );
  }
};

const removeAllBut = (path: string, kept: string): void => {
  try {
    for (const name of readdirSync(path)) if (name !== kept) rmSync(join(path, name), { recursive: true, force: true });
  } catch (error) {
    throw new Trouble(
      `${path} cannot be emptied: ${messageOf(error)}`,
      `remove it yourself; it may belong to another user, such as root`,
      { cause: error },
    );
  }
};

/** What an earlier run kept; null when the folder is empty. */
const readKept = (path: string, version: number): Kept | null => {
  const keptPath = join(path, keptFile);
  if (!existsSync(keptPath)) {
    const others = readdirSync(path).filter((name) => name !== lockFolder && name !== `${keptFile}.new`);
    if (others.length === 0) return null;
    throw new Trouble(`the state folder ${path} is broken: it holds ${others[0]} but no ${keptFile}`, startOver);
  }
  const parsed = schema.safeParse(readJson(keptPath));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Trouble(
      `the state folder ${path} is broken: ${keptFile}: ${issue?.path.join('.') || 'the whole file'}: ${issue?.message}`,
      startOver,
    );
  }
  if (parsed.data.version === version) return parsed.data;
  throw new Trouble(
    `the state folder ${path} is of version ${parsed.data.version}, and this Curfew keeps version ${version}`,
    startOver,
  );
};

const readJson = (path: string): unknown => {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as unknown;
  } catch {
    // Unreadable and not JSON are the same to whoever starts it: the schema says the rest.
    return undefined;
  }
};

/** A free port that none of the kept ones is, for those are free too while nothing runs. */
const portBeside = async (taken: readonly number[]): Promise<number> => {
  const candidates = await freePorts(taken.length + 1);
  const port = candidates.find((candidate) => !taken.includes(candidate));
  if (port === undefined) throw new Error('more ports were drawn than can be taken');
  return port;
};
