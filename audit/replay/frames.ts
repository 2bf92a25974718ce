/** How the replayer's child is spoken to: frames of a length and as many bytes; and how it answers: a line of JSON each. */

export type Answer =
  { readonly kind: 'ready' } | { readonly kind: 'same' } | { readonly kind: 'differs'; readonly why: string };

const headBytes = 4;

/** Of a reason, characters: a script may fail with a text of any length. */
export const longestWhy = 2_000;
/** Of an answer, bytes: more than any reason takes as JSON. */
const longestAnswer = 64 * 1_024;

/** Line by line. @throws where a line is longer than any answer: whoever says that is not listened to any further */
export async function* linesOf(output: AsyncIterable<Buffer>): AsyncGenerator<string, undefined> {
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of output) {
    held = Buffer.concat([held, chunk]);
    for (let end = held.indexOf(10); end >= 0; end = held.indexOf(10)) {
      yield held.toString('utf8', 0, end);
      held = held.subarray(end + 1);
    }
    if (held.byteLength > longestAnswer) throw new RangeError('it said more than any answer has');
  }
  return undefined;
}

/** Length as an unsigned big-endian integer of 32 bits, then the bytes. */
export function frame(bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt32BE(bytes.byteLength);
  return Buffer.concat([head, bytes]);
}

/** Frame by frame. What breaks off in the middle of one is no frame. */
export async function* framesOf(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer, undefined> {
  let chunks: Buffer[] = [];
  let size = 0;
  const take = (count: number): Buffer => {
    const all = Buffer.concat(chunks);
    chunks = [all.subarray(count)];
    size -= count;
    return all.subarray(0, count);
  };
  let awaited: number | undefined;
  for await (const chunk of input) {
    chunks.push(chunk);
    size += chunk.byteLength;
    for (;;) {
      if (awaited === undefined && size >= headBytes) awaited = take(headBytes).readUInt32BE();
      if (awaited === undefined || size < awaited) break;
      const whole = take(awaited);
      awaited = undefined;
      yield whole;
    }
  }
}
