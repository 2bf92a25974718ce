/**
 * What somebody else answers, as text: UTF-8, and of a body without an end no more than is asked for.
 * @param body null: an answer without one, which is the empty text
 * @throws Error for more than `mostBytes`, before the rest is read
 */
export async function boundedText(body: AsyncIterable<Uint8Array> | null, mostBytes: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body ?? []) {
    bytes += part.byteLength;
    if (bytes > mostBytes) throw new Error('an answer that is too long');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
