/**
 * The least that whoever checks a log has to do (RFC 6962, 2.1): read its lines out of the file, hash each one after a
 * 0x00, and hash each two nodes after a 0x01 until one is left. No proof, no signature, nothing is compared.
 */
import { createReadStream } from 'node:fs';
import { createHash, hash } from 'node:crypto';

/** Where the lines stand in the file, from the first byte to before the last. */
export type Stretch = { readonly path: string; readonly from: number; readonly to: number };

const newline = 10;
const chunkBytes = 1024 * 1024;
const hashBytes = 32;

/** @returns the root */
export async function hashLeafByLeaf(stretch: Stretch): Promise<Buffer> {
  const level: Buffer[] = [];
  let count = 0;
  const nodes = Buffer.alloc(1 + 2 * hashBytes, 1);
  const join = (left: Buffer, right: Buffer): Buffer => {
    left.copy(nodes, 1);
    right.copy(nodes, 1 + hashBytes);
    return sha256(nodes);
  };
  for await (const line of linesIn(stretch)) {
    level.push(sha256(line));
    count += 1;
    for (let n = count; n % 2 === 0; n /= 2) level.push(join(...lastTwo(level)));
  }
  while (level.length > 1) level.push(join(...lastTwo(level)));
  return level[0] ?? Buffer.alloc(hashBytes);
}

/** All of it as one text: what `sha256sum` does. */
export async function hashAsOne({ path, from, to }: Stretch): Promise<Buffer> {
  const sum = createHash('sha256');
  for await (const chunk of createReadStream(path, { start: from, end: to - 1, highWaterMark: chunkBytes }))
    sum.update(chunk as Buffer);
  return sum.digest();
}

const sha256 = (bytes: Buffer): Buffer => Buffer.from(hash('sha256', bytes, 'binary'), 'latin1');

function lastTwo(level: Buffer[]): [Buffer, Buffer] {
  const [left, right] = level.splice(-2);
  if (!left || !right) throw new Error('a tree without two nodes to join');
  return [left, right];
}

/** Each line with the 0x00 before it that its hash begins with: the byte where the newline before it stood. */
async function* linesIn({ path, from, to }: Stretch): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(1);
  for await (const read of createReadStream(path, { start: from, end: to - 1, highWaterMark: chunkBytes })) {
    const chunk = Buffer.concat([rest, read as Buffer]);
    let begin = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, end + 1)) {
      yield chunk.subarray(begin, end);
      chunk[end] = 0;
      begin = end;
    }
    rest = chunk.subarray(begin);
  }
}
