/**
 * The least that whoever checks a log has to do (RFC 6962, 2.1): read its lines out of the file, hash each one after a
 * 0x00, and hash each two nodes after a 0x01 until one is left. No proof, no signature, nothing is compared.
 */
import { createHash, hash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** Where the lines stand in the file, from the first byte to before the last. */
export type Stretch = { readonly path: string; readonly from: number; readonly to: number };

const newline = 10;
const chunkBytes = 1024 * 1024;
const hashBytes = 32;

/** @returns the root */
export async function hashLeafByLeaf(stretch: Stretch): Promise<Buffer> {
  const edge: Buffer[] = [];
  const nodes = Buffer.alloc(1 + 2 * hashBytes, 1);
  const joined = (right: Buffer): Buffer => {
    edge.pop()?.copy(nodes, 1);
    right.copy(nodes, 1 + hashBytes);
    return sha256(nodes);
  };
  let count = 0;
  await eachLine(stretch, (line) => {
    let made = sha256(line);
    count += 1;
    for (let n = count; n % 2 === 0; n /= 2) made = joined(made);
    edge.push(made);
  });
  let root = edge.pop() ?? Buffer.alloc(hashBytes);
  while (edge.length > 0) root = joined(root);
  return root;
}

/** All of it as one text: what `sha256sum` does. */
export async function hashAsOne({ path, from, to }: Stretch): Promise<Buffer> {
  const sum = createHash('sha256');
  for await (const chunk of createReadStream(path, { start: from, end: to - 1, highWaterMark: chunkBytes }))
    sum.update(chunk as Buffer);
  return sum.digest();
}

const sha256 = (bytes: Buffer): Buffer => Buffer.from(hash('sha256', bytes, 'binary'), 'latin1');

/** Each line with the 0x00 before it that its hash begins with: the byte where the newline before it stood. */
async function eachLine({ path, from, to }: Stretch, see: (line: Buffer) => void): Promise<void> {
  let rest = Buffer.alloc(1);
  for await (const read of createReadStream(path, { start: from, end: to - 1, highWaterMark: chunkBytes })) {
    const chunk = Buffer.concat([rest, read as Buffer]);
    let begin = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, end + 1)) {
      see(chunk.subarray(begin, end));
      chunk[end] = 0;
      begin = end;
    }
    rest = chunk.subarray(begin);
  }
}
