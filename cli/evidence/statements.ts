/** What was done with access, for whoever asks for it: the statements whose hashes the entries of a file have. */
import { statementBytes } from '../../audit/evidence/statement-line.ts';
import { batchesAt, erasedAfter } from '../../store/evidence-statements.ts';
import type { Db } from '../../store/pool.ts';
import { statementPages, type KeptStatement } from '../../store/session-kept.ts';
import { Stopped } from '../terminal.ts';

/**
 * @param places of the file's entries, in the order of the log, many at once
 * @param size of the newest checkpoint
 * @throws Stopped where texts are gone and the log may not say why yet
 */
export async function* statementsOf(
  db: Db,
  places: AsyncIterable<readonly number[]>,
  size: number,
): AsyncGenerator<Buffer> {
  let someGone = false;
  for await (const page of places)
    for (const { index, session, from, to, count } of await batchesAt(db, page)) {
      let left = count;
      for await (const statement of statementPages(db, session, { from, to })) {
        // NB. No more than it says: an entry costs a stolen collector nothing, and each could name a whole session.
        if (left === 0) break;
        left -= 1;
        someGone ||= statement.textHash !== null && statement.text === null;
        yield lineOf(index, statement);
      }
    }
  if (someGone && (await erasedAfter(db, size)))
    throw new Stopped('Somebody was erased since the newest checkpoint was signed. Write it again in a minute.');
}

function lineOf(entry: number, statement: KeptStatement): Buffer {
  const { at, durationUs, error, line, parameters, parametersHash, salt, text, textHash, via, what } = statement;
  const kept = text === null || salt === null ? null : { parameters, salt: salt.toString('base64'), text };
  const hashed = { at, durationUs, error, line, parameters: parametersHash, text: textHash, via, what };
  return statementBytes({ entry, kept, statement: hashed });
}
