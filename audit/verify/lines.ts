/** The entries of an evidence file one after another, each with its place in the log. */
import { longestEntry, members, type PlaceLine } from '../evidence/format.ts';
import type { Evidence } from '../evidence/read.ts';
import { exactBase64 } from '../note-keys.ts';

/** `proof`: of one that was picked; one of the span has none, for the whole span is hashed. */
export type PlacedLine = { readonly index: number; readonly line: Buffer; readonly proof?: readonly Buffer[] };

/** @throws Error where lines and places do not fit together: from there on no place is known */
export async function* placedLines(evidence: Evidence): AsyncGenerator<readonly PlacedLine[]> {
  const { span } = evidence.index;
  const picks = placesOf(evidence);
  let pick = await picks.next();
  let at = span.from;
  let last = -1;
  for await (const lines of evidence.lines(members.entries, longestEntry)) {
    const placed: PlacedLine[] = [];
    for (const line of lines) {
      const picked = pick.done ? undefined : pick.value;
      if (picked && (picked.index < span.from || at >= span.to)) {
        if (picked.index <= last) throw new Error(`${members.places} is not in the order of the log`);
        placed.push({ ...picked, line });
        last = picked.index;
        pick = await picks.next();
      } else if (at < span.to) {
        placed.push({ index: at, line });
        last = at;
        at += 1;
      } else {
        throw new Error(`${members.entries} has a line that has no place`);
      }
    }
    yield placed;
  }
  if (!pick.done || at < span.to)
    throw new Error(`${members.entries} has too few lines: it ends before entry ${pick.done ? at : pick.value.index}`);
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
