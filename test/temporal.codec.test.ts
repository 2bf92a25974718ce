import { randomBytes } from 'node:crypto';
import type { Payload } from '@temporalio/common';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { asyncProperty, assert as check, dictionary, string, uint8Array } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createCodec, type CodecKey } from '../temporal/codec.ts';
import { lives } from './support/life.ts';
import { automatic, decision, person, refused, request } from './support/requests.ts';
import { eventually } from './support/eventually.ts';

const key = (id: string): CodecKey => ({ id, key: randomBytes(32) });
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const payload = (text: string): Payload => ({ metadata: { encoding: bytes('json/plain') }, data: bytes(text) });
const one = async (payloads: Promise<Payload[]>): Promise<Payload> => {
  const [first] = await payloads;
  if (!first) throw new Error('no payload');
  return first;
};
const textOf = ({ data }: Payload): string => Buffer.from(data ?? new Uint8Array()).toString('utf8');
const encodingOf = ({ metadata }: Payload): string => Buffer.from(metadata?.['encoding'] ?? []).toString('utf8');

describe('codec', () => {
  test('what one writes another one with the key reads, whatever the bytes', async () => {
    const first = key('a');
    const [writer, reader] = [createCodec([first]), createCodec([key('b'), first])];
    await check(
      asyncProperty(uint8Array({ maxLength: 2_000 }), dictionary(string(), uint8Array()), async (data, metadata) => {
        const before: Payload = { metadata, data };
        const back = await one(reader.decode(await writer.encode([before])));
        expect(Buffer.from(back.data ?? [])).toEqual(Buffer.from(data));
        expect(Object.keys(back.metadata ?? {}).toSorted()).toEqual(Object.keys(metadata).toSorted());
      }),
      { numRuns: 50 },
    );
  });

  test('nothing of a payload shows, its own encoding included, and the same text never looks the same', async () => {
    const codec = createCodec([key('a')]);
    const sealed = await codec.encode([payload('canary'), payload('canary')]);
    const shown = sealed.map((each) =>
      Buffer.concat([...Object.values(each.metadata ?? {}), each.data ?? bytes('')]).toString('latin1'),
    );
    for (const text of shown) expect(text).not.toMatch(/canary|json/);
    expect(sealed.map(encodingOf)).toEqual(['binary/encrypted', 'binary/encrypted']);
    expect(shown[0]).not.toBe(shown[1]);
  });

  test('a rotation reads the old key and writes the new one', async () => {
    const [old, fresh] = [key('2025'), key('2026')];
    const written = await createCodec([old]).encode([payload('x')]);
    const both = createCodec([fresh, old]);
    expect(textOf(await one(both.decode(written)))).toBe('x');
    await expect(createCodec([old]).decode(await both.encode([payload('y')]))).rejects.toThrow(/key 2026.*only 2025/);
  });

  test('a key that is not there is named, and what is there too', async () => {
    const written = await createCodec([key('gone')]).encode([payload('x')]);
    await expect(createCodec([key('a'), key('b')]).decode(written)).rejects.toThrow(
      'a payload was written with the key gone, and this process has only a, b: add that key after them',
    );
  });

  test('another key of the same name does not open it, nor does a payload that was changed in any bit', async () => {
    const right = key('a');
    const codec = createCodec([right]);
    const sealed = await one(codec.encode([payload('x')]));
    await expect(createCodec([key('a')]).decode([sealed])).rejects.toThrow(/does not open with the key a/);
    const data = sealed.data ?? bytes('');
    for (let bit = 0; bit < data.byteLength * 8; bit += 1) {
      const changed = Uint8Array.from(data);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      await expect(codec.decode([{ ...sealed, data: changed }]), `bit ${bit}`).rejects.toThrow(/does not open/);
    }
    for (let length = 0; length < data.byteLength; length += 1) {
      await expect(codec.decode([{ ...sealed, data: data.subarray(0, length) }])).rejects.toThrow(/does not open/);
    }
  });

  test('a payload under one key’s name cannot be passed off as another’s', async () => {
    const shared = randomBytes(32);
    const codec = createCodec([
      { id: 'a', key: shared },
      { id: 'b', key: shared },
    ]);
    const sealed = await one(codec.encode([payload('x')]));
    const renamed = { ...sealed, metadata: { ...sealed.metadata, 'encryption-key-id': bytes('b') } };
    await expect(codec.decode([renamed])).rejects.toThrow(/does not open/);
  });

  test('what is not encrypted is read as it is', async () => {
    expect(textOf(await one(createCodec([key('a')]).decode([payload('{"cause":"by hand"}')])))).toBe(
      '{"cause":"by hand"}',
    );
  });

  test.each([
    ['no key', []],
    ['a short key', [{ id: 'a', key: randomBytes(16) }]],
    ['two keys of one name', [key('a'), key('a')]],
    ['a key without a name', [key('')]],
  ])('%s is refused at once', (_, keys) => {
    expect(() => createCodec(keys)).toThrow(RangeError);
  });
});

describe('on a server', () => {
  const world = lives();

  test('inputs, results, messages and failures are sealed; types and search attributes are not', async () => {
    await world.serve({ grant: () => Promise.reject(refused('PolicyDenied', 'canary-message')) });
    const it = await world.start({ plan: automatic() });
    await it.claim();
    expect(await it.outcome()).toBe('failed');
    const seen = historyToJSON(await it.handle.fetchHistory()).replaceAll(/"data": ?"([^"]*)"/g, (_, data: string) =>
      Buffer.from(data, 'base64').toString('latin1'),
    );
    for (const hidden of ['canary-message', it.input.digest, 'credentialId', 'useWithinMs', 'the grant']) {
      expect(seen, hidden).not.toContain(hidden);
    }
    for (const open of ['PolicyDenied', 'Encoded failure', it.input.requester.id]) expect(seen).toContain(open);
  });

  test('a worker without the key makes no progress and loses nothing', async () => {
    const input = request(world.place.zone);
    await world.place.temporal.startRequest(input);
    await world.serve({}, { keys: [key('another')] });
    const handle = world.real.client.workflow.getHandle(`access-request/${input.requestId}`);
    await eventually('a task failed', async () =>
      (await handle.fetchHistory()).events?.some((event) => event.workflowTaskFailedEventAttributes),
    );
    expect((await handle.describe()).status.name).toBe('RUNNING');
    await world.serve();
    const approved = await eventually('it goes on', () =>
      world.place.temporal.decide(input.requestId, decision(input, person())).catch(() => undefined),
    );
    expect(approved.state.kind).toBe('approved');
  });
});
