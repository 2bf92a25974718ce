import { expect, test } from 'vitest';
import { boundedText } from '../domain/bounded-text.ts';

async function* pieces(...some: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* some;
}

test('a text is read to its last allowed byte, also where a letter comes in two pieces', async () => {
  const bytes = Buffer.from('Zoë', 'utf8');
  expect(await boundedText(pieces(bytes.subarray(0, 3), bytes.subarray(3)), 4)).toBe('Zoë');
  expect(await boundedText(null, 0)).toBe('');
});

test('one byte more is refused, and an answer that never ends is not read on', async () => {
  let read = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      read += 1;
      yield new Uint8Array(2);
    }
  }
  await expect(boundedText(endless(), 5)).rejects.toThrow('too long');
  expect(read).toBe(3);
  await expect(boundedText(pieces(new Uint8Array(3)), 2)).rejects.toThrow('too long');
});
