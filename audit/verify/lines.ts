/** The entries of an evidence file one after another, each with its place in the log. */
import { longestEntry, members, type PlaceLine } from '../evidence/format.ts';
import type { Evidence } from '../evidence/read.ts';
import { exactBase64 } from '../note-keys.ts';

/** `proof`: of one that was picked; one of the span has none, for the whole span is hashed. */
export type PlacedLine = { readonly index: number; readonly line: Buffer; readonly proof?: readonly Buffer[] };

/** Lines and places do not fit together: from `index` on no place is known. */
export class OutOfPlace extends Error {
  override readonly name = 'OutOfPlace';
  readonly index: number;
  constructor(index: number, message: string) {
    super(message);
    this.index = index;
  }
}

/** @throws OutOfPlace, once all that has its place was given */
export async function* placedLines(evidence: Evidence): AsyncGenerator<readonly PlacedLine[]> {
  const { span } = evidence.index;
  const picks = placesOf(evidence);
  let pick = await picks.next();
  let at = span.from;
  let last = -1;
  for await (const lines of evidence.lines(members.entries, longestEntry)) {
    const placed: PlacedLine[] = [];
    let wrong: OutOfPlace | undefined;
    for (const line of lines) {
      const picked = pick.done ? undefined : pick.value;
      if (picked && (picked.index < span.from || at >= span.to)) {
        if (picked.index <= last)
          wrong = new OutOfPlace(picked.index, `${members.places} is not in the order of the log`);
        if (wrong) break;
        placed.push({ ...picked, line });
        last = picked.index;
        pick = await picks.next();
      } else if (at < span.to) {
        placed.push({ index: at, line });
        last = at;
        at += 1;
      } else {
        wrong = new OutOfPlace(last + 1, `${members.entries} goes on with a line that has no place`);
        break;
      }
    }
    yield placed;
    if (wrong) throw wrong;
  }
  if (at < span.to) throw new OutOfPlace(at, `${members.entries} ends before it`);
  if (!pick.done) throw new OutOfPlace(pick.value.index, `${members.entries} ends before it`);
}

async function* placesOf(
  evidence: Evidence,
): AsyncGenerator<{ readonly index: number; readonly proof: readonly Buffer[] }, undefined> {
  for await (const lines of evidence.lines(members.places, longestEntry)) {
    for (const line of lines) {
      const { index, proof } = JSON.parse(line.toString('utf8')) as Partial<PlaceLine>;
      const hashes = Array.isArray(proof) ? proof.map((one) => exactBase64(String(one))) : [undefined];
      if (!Number.isSafeInteger(index) || index === undefined || hashes.includes(undefined)) {
        throw new Error(`${members.places} has a line that is no proof`);
      }
      yield { index, proof: hashes.flatMap((one) => one ?? []) };
    }
  }
  return undefined;
}

/** The lines of a member one after another, where each is held until an entry asks for it. */
export async function* singly(batches: AsyncGenerator<readonly Buffer[]>): AsyncGenerator<Buffer, undefined> {
  for await (const batch of batches) yield* batch;
  return undefined;
}
