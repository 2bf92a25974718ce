/** The files of `migrations/`, and how they compare with what a store says that it ran. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Db } from './pool.ts';

export type Migration = { readonly name: string; readonly sha256: string; readonly sql: string };
export type Applied = Pick<Migration, 'name' | 'sha256'>;

/** The store is not one that this code can work with; the message says what to do. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

export const ownFolder = join(import.meta.dirname, 'migrations');
export const appliedText = 'select name, sha256 from migration.applied order by name';

/** In the order in which they run: by number. */
export async function migrationsIn(folder: string): Promise<readonly Migration[]> {
  const names = (await readdir(folder)).filter((name) => /^\d{4}-[a-z0-9-]+\.sql$/.test(name)).sort();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(join(folder, name), 'utf8');
      return { name, sql, sha256: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/**
 * What is still to run.
 * @throws MigrationError unless what ran is the first of these files, unchanged
 */
export function pendingOf(files: readonly Migration[], applied: readonly Applied[]): readonly Migration[] {
  for (const [index, ran] of applied.entries()) {
    const file = files[index];
    if (file?.name !== ran.name) {
      throw new MigrationError(
        `The store ran ${ran.name}, which this Curfew does not have in that place: the store is newer. Run a newer Curfew.`,
      );
    }
    if (file.sha256 !== ran.sha256) {
      throw new MigrationError(`${ran.name} was changed after it ran. Restore it, and put the change into a new file.`);
    }
  }
  return files.slice(applied.length);
}

/**
 * Asked once by each process when it starts, whatever its login.
 * @throws MigrationError where the store is older or newer than this code
 */
export async function requireMigrated(db: Db): Promise<void> {
  const [there] = await db.query<{ there: boolean }>(`select to_regclass('migration.applied') is not null as there`);
  const applied = there?.there === true ? await db.query<Applied>(appliedText) : [];
  const pending = pendingOf(await migrationsIn(ownFolder), applied);
  if (pending.length === 0) return;
  throw new MigrationError(`The store has not run ${pending.map((file) => file.name).join(', ')}. Run: curfew migrate`);
}
