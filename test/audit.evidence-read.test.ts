/** An archive that somebody made by hand: what it costs to say that it is no evidence hangs on its size alone. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { openEvidence } from '../audit/evidence/read.ts';

/** An archive (APPNOTE 4.3) of so many members, all of which are the same bytes of the file. */
function sharing(many: number, text: Buffer): Buffer {
  const packed = deflateRawSync(text);
  const common = (name: string): Buffer => {
    const made = Buffer.alloc(26);
    made.writeUInt16LE(20, 0);
    made.writeUInt16LE(8, 4);
    made.writeUInt32LE(crc32(text), 10);
    made.writeUInt32LE(packed.byteLength, 14);
    made.writeUInt32LE(text.byteLength, 18);
    made.writeUInt16LE(name.length, 22);
    return made;
  };
  const local = Buffer.concat([Buffer.from('PK\u0003\u0004'), common('m'), Buffer.from('m'), packed]);
  const listed = Array.from({ length: many }, (_, n) => `m${n}`).map((name) =>
    Buffer.concat([Buffer.from('PK\u0001\u0002\u0014\0'), common(name), Buffer.alloc(14), Buffer.from(name)]),
  );
  const directory = Buffer.concat(listed);
  const last = Buffer.alloc(22);
  last.write('PK\u0005\u0006', 'latin1');
  last.writeUInt16LE(many, 8);
  last.writeUInt16LE(many, 10);
  last.writeUInt32LE(directory.byteLength, 12);
  last.writeUInt32LE(local.byteLength, 16);
  return Buffer.concat([local, directory, last]);
}

test('members that are the same bytes are not unpacked one after another', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'curfew-evidence-'));
  try {
    const path = join(folder, 'small.zip');
    const archive = sharing(1_000, Buffer.alloc(10_000_000));
    expect(archive.byteLength).toBeLessThan(100_000);
    await writeFile(path, archive);
    expect(await openEvidence(path)).toMatchObject({
      message: `${path} is no evidence file that can be read: its members share their bytes.`,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
