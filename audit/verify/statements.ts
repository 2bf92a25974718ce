/**
 * Check 5, of what was done with access: the statements of an evidence file are those whose hashes stand in the entries
 * of their sessions. They stand in the order of these entries, each with its entry's place: one is held at a time.
 */
import { createHash } from 'node:crypto';
import { many as counted } from '../../domain/events/entry.ts';
import type { SessionBodies } from '../../domain/events/session.ts';
import { isRefusal } from '../../domain/errors.ts';
import { parseLine, type PlacedEntry } from '../entry-line.ts';
import { longestEntry, members } from '../evidence/format.ts';
import type { Evidence } from '../evidence/read.ts';
import { hashedBytes, readStatement, textsOf, type StatementLine } from '../evidence/statement-line.ts';
import { placedLines, singly } from './lines.ts';
import type { Tally } from './report.ts';
import { says } from './sentence.ts';

export type StatementsCheck = {
  see(entry: PlacedEntry): Promise<void> | undefined;
  finish(): Promise<void>;
};

type Batch = NonNullable<SessionBodies['session.closed']['last']>;

/** Texts that are not there any more, of one request: how many, and the first entry that has a hash of one. */
type Gone = { readonly entry: PlacedEntry; many: number };

export function checkStatements(evidence: Evidence, tally: Tally): StatementsCheck {
  const isThere = evidence.names.has(members.statements);
  const lines = singly(evidence.lines(members.statements, longestEntry));
  let ahead: StatementLine | undefined;
  let isOver = !isThere;
  const gone = new Map<string, Gone>();

  async function peek(): Promise<StatementLine | undefined> {
    while (!ahead && !isOver) {
      const read = await lines.next().catch((error: unknown) => {
        tally.bad(members.statements, says(error));
        return { done: true, value: undefined } as const;
      });
      isOver = read.done === true;
      if (read.value) ahead = readStatement(read.value);
      if (read.value && !ahead) tally.bad(members.statements, 'It has a line that is no statement.');
    }
    return ahead;
  }

  /** The next one of this entry; those of entries before it belong to none. */
  async function next(index: number): Promise<StatementLine | undefined> {
    let one = await peek();
    for (; one && one.entry < index; one = await peek()) {
      tally.bad(one.entry, `It has not the hash of a statement that stands in ${members.statements} as its own.`);
      ahead = undefined;
    }
    if (one?.entry !== index) return undefined;
    ahead = undefined;
    return one;
  }

  async function hold(entry: PlacedEntry, { from, to, count, sha256 }: Batch): Promise<void> {
    const hash = createHash('sha256');
    const where = from === to ? `its line ${from}` : `its lines ${from} to ${to}`;
    let many = 0;
    for (let one = await next(entry.index); one; one = await next(entry.index)) {
      many += 1;
      hash.update(hashedBytes(one));
      const texts = textsOf(one);
      if (texts === 'gone') lose(entry);
      if (texts === 'other')
        tally.bad(entry, `The text of its line ${one.statement.line} is another one than it says.`);
    }
    tally.count('statements', many);
    if (many !== count)
      tally.bad(
        entry,
        `Of ${where} it knows ${counted(count, 'statement')}, and ${many} stand in ${members.statements}.`,
      );
    else if (hash.digest('hex') !== sha256)
      tally.bad(entry, `A statement of ${where} in ${members.statements} is another one than it says.`);
  }

  function lose(entry: PlacedEntry): void {
    const one = gone.get(entry.subject) ?? { entry, many: 0 };
    one.many += 1;
    gone.set(entry.subject, one);
  }

  /** Texts go with their person, whose erasure is an entry of its own; and with nothing else. */
  async function settle(): Promise<void> {
    const { holders, erased, isCut } = await holdersOf(evidence, gone);
    for (const [request, { entry, many }] of gone) {
      const holder = holders.get(request);
      if (holder !== undefined && erased.has(holder))
        tally.count('statements without the text of who was erased', many);
      // NB. What moves a request stands in no file without its opening (check 2): this is all that was kept of it.
      else if (holder === undefined && isCut) tally.count('statements without a text, whose request was retired', many);
      else
        tally.bad(
          entry,
          `The texts of ${counted(many, 'statement')} from here on are gone, and no entry erases their person.`,
        );
    }
  }

  return {
    see(entry) {
      const batch = batchOf(entry);
      if (!batch) return undefined;
      if (isThere) return hold(entry, batch);
      tally.count('statements that are not in this file', batch.count);
      return undefined;
    },
    async finish() {
      if (!isThere && evidence.index.counts.statements !== undefined)
        tally.bad(members.statements, `${members.index} says that it is in this file, and it is not.`);
      await next(Infinity);
      if (gone.size > 0) await settle();
    },
  };
}

/** @throws Error where an entry of this kind cannot say so */
function batchOf({ kind, body }: PlacedEntry): Batch | undefined {
  if (kind !== 'session.statements' && kind !== 'session.closed') return undefined;
  const batch = (kind === 'session.closed' ? body['last'] : body) as Batch | null;
  if (batch === null) return undefined;
  if ([batch.from, batch.to, batch.count].every((one) => Number.isSafeInteger(one) && one >= 0)) return batch;
  throw new Error('it has no lines of a session');
}

const kindsRead: readonly string[] = ['request.opened', 'person.erased', 'log.retired'];

/**
 * Whose these requests are, who was erased, and whether anything was retired: read once more, for a request that is over
 * is not kept in mind.
 */
async function holdersOf(evidence: Evidence, requests: { has(request: string): boolean }) {
  const holders = new Map<string, string>();
  const erased = new Set<string>();
  let isCut = false;
  for await (const batch of placedLines(evidence))
    for (const { line } of batch) {
      if (!kindsRead.some((kind) => line.includes(`"kind":"${kind}"`))) continue;
      const entry = parseLine(line);
      if (isRefusal(entry)) continue;
      if (entry.kind === 'log.retired') isCut ||= Number(entry.body['to']) > 0;
      if (entry.kind === 'person.erased') erased.add(entry.subject);
      if (entry.kind === 'request.opened' && requests.has(entry.subject)) holders.set(entry.subject, entry.actor);
    }
  return { holders, erased, isCut };
}
