/** Golden histories: where they are, and how they are read and written. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { historyToJSON, type History } from '@temporalio/common/lib/proto-utils.js';

const root = fileURLToPath(new URL('../histories', import.meta.url));

/** `accessRequest` lies in `access-request/`. */
export const folderOf = (workflow: string): string =>
  join(
    root,
    workflow.replaceAll(/[A-Z]/g, (upper) => `-${upper.toLowerCase()}`),
  );

export type Golden = { readonly name: string; readonly history: unknown };

export function goldenOf(workflow: string): readonly Golden[] {
  const folder = folderOf(workflow);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .toSorted()
    .map((file) => ({
      name: file.slice(0, -5),
      history: JSON.parse(readFileSync(join(folder, file), 'utf8')) as unknown,
    }));
}

export const hasGolden = (workflow: string, name: string): boolean =>
  existsSync(join(folderOf(workflow), `${name}.json`));

/** Writes one that is not there yet, with its payloads in the clear. */
export async function keepGolden(workflow: string, name: string, history: History, codec: PayloadCodec): Promise<void> {
  const file = join(folderOf(workflow), `${name}.json`);
  mkdirSync(dirname(file), { recursive: true });
  const plain = (await inTheClear(history, codec)) as History;
  writeFileSync(file, `${JSON.stringify(JSON.parse(historyToJSON(plain)), null, 1)}\n`, { flag: 'wx' });
}

async function inTheClear(value: unknown, codec: PayloadCodec): Promise<unknown> {
  if (Array.isArray(value)) return Promise.all(value.map((one) => inTheClear(one, codec)));
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (isPayload(value)) return withoutStack((await codec.decode([value]))[0]);
  const copy = Object.create(Object.getPrototypeOf(value) as object) as Record<string, unknown>;
  for (const [key, field] of Object.entries(value)) copy[key] = await inTheClear(field, codec);
  return copy;
}

const isPayload = (value: object): value is Payload =>
  'metadata' in value && typeof value.metadata === 'object' && value.metadata !== null && 'encoding' in value.metadata;

/** A failure's stack names files of the machine that recorded it. */
function withoutStack(payload: Payload | undefined): Payload | undefined {
  const text = Buffer.from(payload?.data ?? new Uint8Array()).toString('utf8');
  if (!payload || !text.includes('"stack_trace"')) return payload;
  const data = Buffer.from(JSON.stringify({ ...(JSON.parse(text) as object), stack_trace: '' }), 'utf8');
  return { ...payload, data };
}
