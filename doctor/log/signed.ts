/** The stored checkpoints by the keys: whoever holds the worker's login alone can put rows there, and can sign none. */
import { openCheckpoint, type SignedCheckpoint } from '../../audit/checkpoint.ts';
import { epochOf } from '../../audit/epoch.ts';
import type { Verifier } from '../../audit/signed-note.ts';
import type { StoredCheckpoint } from '../../store/log.ts';
import type { Db } from '../../store/pool.ts';

export type NewestSigned = {
  /** The largest of this log that one of the keys signed. */
  readonly signed: SignedCheckpoint | undefined;
  /** What is wrong with a larger one that stands in the store; undefined: there is none. */
  readonly odd: string | undefined;
};

/** A thousand rows that nobody signed are passed over, and no more: each costs a signature to look at. */
const [page, pages] = [50, 20];
/** Of a row whose size no log can have. */
const longest = Number.MAX_SAFE_INTEGER;

export async function newestSigned(db: Db, name: string, verifiers: readonly Verifier[]): Promise<NewestSigned> {
  let [below, odd]: [number | null, string | undefined] = [null, undefined];
  for (let turn = 0; turn < pages; turn += 1) {
    const rows: readonly StoredCheckpoint[] = await db.query<StoredCheckpoint>(
      `select least(size, $3) as size, epoch, note, at from audit.checkpoint
       where $1::bigint is null or size < $1 order by audit.checkpoint.size desc limit $2`,
      [below, page, longest],
    );
    for (const row of rows) {
      const signed = signedIn(row, name, verifiers);
      if (typeof signed !== 'string') return { signed, odd };
      odd ??= signed;
    }
    if (rows.length < page) break;
    below = rows.at(-1)?.size ?? null;
  }
  return { signed: undefined, odd };
}

/** What the key signed in a row of the store. @returns a sentence where that is not what the row says */
export function signedIn(
  { size, epoch, note }: StoredCheckpoint,
  name: string,
  verifiers: readonly Verifier[],
): SignedCheckpoint | string {
  const opened = openCheckpoint(note, verifiers);
  const named = `The checkpoint over ${size} entries`;
  if ('kind' in opened) return `${named} counts for nothing. ${opened.says}`;
  const same = opened.size === size && epochOf(opened.origin, name) === epoch;
  return same ? opened : `${named} stands with a note of ${opened.origin} over ${opened.size}.`;
}
