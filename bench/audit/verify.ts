/**
 * What it costs to verify a long log, in processes of their own. Processor time and not the clock's: what else the
 * machine does takes none of it.
 */
import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { writeEvidence } from '../../audit/evidence/write.ts';
import { members } from '../../audit/evidence/format.ts';
import { proveInclusion } from '../../audit/merkle.ts';
import { gather } from '../../cli/evidence/gather.ts';
import { dayMs } from '../../domain/time.ts';
import { readNodes } from '../../store/log.ts';
import { count, interleaved, middle, ratio, type Metric } from '../metric.ts';
import type { Stretch } from './floor.ts';
import type { Ground } from './ground.ts';
import type { Look, Looked } from './verify-child.ts';

/** `root`: the one that was signed, hex. */
export type LongFile = {
  readonly size: number;
  readonly root: string;
  readonly path: string;
  readonly key: string;
  readonly lines: Stretch;
};

/** Evidence of the whole log as it is now, signed first, by the functions of `curfew audit evidence`. */
export async function writeLong(ground: Ground, size: number, say: (text: string) => void): Promise<LongFile> {
  const root = await ground.sign();
  const path = join(ground.folder, `${size}.zip`);
  const period = { kind: 'span', fromAt: 0, toAt: Date.now() + dayMs } as const;
  const tell = (done: number): void => {
    if (done % 50_000 === 0) say(`${done.toLocaleString('en')} entries written into the evidence`);
  };
  const { parts } = await gather(ground.as.curfew_auditor, period, undefined, tell);
  await writeFile(path, '', { flag: 'wx' });
  await writeEvidence(path, parts);
  return { size, root, path, key: ground.key, lines: await linesOf(path) };
}

const child = join(import.meta.dirname, 'verify-child.ts');
const run = promisify(execFile);

export async function look(what: Look, { path, key, lines }: LongFile): Promise<Looked> {
  const { stdout } = await run(process.execPath, [child, what, path, key, String(lines.from), String(lines.to)]);
  return JSON.parse(stdout) as Looked;
}

/** @param turns how often each side is taken */
export async function measureVerify(file: LongFile, turns: number): Promise<readonly Metric[]> {
  const cpuOf = async (what: Look): Promise<number> => {
    const { cpuMs, root } = await look(what, file);
    if (what === 'leaves' && root !== file.root) throw new Error('the floor does not come to the root that was signed');
    return cpuMs;
  };
  const streams: number[] = [];
  const taken = await interleaved(
    turns,
    () => cpuOf('log'),
    async () => {
      streams.push(await cpuOf('stream'));
      return cpuOf('leaves');
    },
  );
  const log = ratio('audit.verify.ratio', taken, 1.25);
  const entries = file.size.toLocaleString('en');
  const perSecond = Math.round((file.size / (log.spread?.ownMs ?? Number.NaN)) * 1_000);
  const note = `signatures, tree and consistency of ${entries} entries; floor: the same lines hashed leaf by leaf and node by node; processor time`;
  const stream = ratio('audit.verify.stream.ratio', { own: taken.own, floor: streams }, 1);
  return [
    { ...log, perSecond, note },
    { ...stream, budget: null, ok: true, note: 'the same against SHA-256 over all lines as one text' },
  ];
}

/**
 * All five checks, and what they take of memory: ten times as many entries may take a fifth more. The most that a process
 * took hangs also on when its garbage was collected, so it is the middle of some.
 * @param turns how often each side is taken
 */
export async function measureWhole(short: LongFile, long: LongFile, turns: number): Promise<readonly Metric[]> {
  const taken = { few: [] as Looked[], many: [] as Looked[], floor: [] as Looked[] };
  for (let turn = 0; turn < turns; turn += 1) {
    taken.few.push(await look('whole', short));
    taken.many.push(await look('whole', long));
    taken.floor.push(await look('leaves', long));
  }
  const [few, many, cpuMs] = [rss(taken.few), rss(taken.many), cpu(taken.many)];
  // NB. In a short look the heap is still growing to the size at which the collector leaves it: that says nothing of logs.
  const budget = long.size >= longEnough ? 1.2 : null;
  const memory = Number((many / few).toFixed(3));
  const whole = Number((cpuMs / cpu(taken.floor)).toFixed(3));
  const sizes = `${long.size.toLocaleString('en')} entries against ${short.size.toLocaleString('en')}`;
  return [
    {
      metric: 'audit.verify.memory.ratio',
      value: memory,
      budget,
      ok: budget === null || memory <= budget,
      note: `all five checks, ${sizes}: ${mebibytes(many)} against ${mebibytes(few)} at the most`,
    },
    {
      metric: 'audit.verify.whole.ratio',
      value: whole,
      budget: null,
      ok: true,
      perSecond: Math.round((long.size / cpuMs) * 1_000),
      note: 'all five checks, each plan and each decision judged again by the policy; the same floor',
    },
  ];
}

/** Entries from which on the memory is judged, against a tenth of them. */
const longEnough = 1_000_000;
const rss = (looks: readonly Looked[]): number => middle(looks.map(({ rssBytes }) => rssBytes));
const cpu = (looks: readonly Looked[]): number => middle(looks.map(({ cpuMs }) => cpuMs));

const mebibytes = (bytes: number): string => `${Math.round(bytes / 1024 / 1024)} MiB`;

/** The longest of some proofs, as an evidence file has it: hashes in base64, each with its quotes and comma. */
export async function measureProof({ as }: Ground, size: number): Promise<Metric> {
  const places = [0, 1, Math.floor(size / 3), Math.floor(size / 2), size - 2, size - 1];
  const lengths = await Promise.all(
    places.map(async (place) => {
      const proof = await proveInclusion(place, size, (nodes) => readNodes(as.curfew_worker, nodes));
      return { bytes: Buffer.concat([...proof]).byteLength, written: JSON.stringify(proof.map(inBase64)).length };
    }),
  );
  const [bytes, written] = [
    Math.max(...lengths.map((one) => one.bytes)),
    Math.max(...lengths.map((one) => one.written)),
  ];
  return {
    ...count('audit.proof.bytes', bytes, 1_024),
    note: `of one among ${size.toLocaleString('en')} entries; ${written} as text of an evidence file`,
  };
}

const inBase64 = (hash: Buffer): string => hash.toString('base64');

/** Where `entries.jsonl` stands in the archive, in which nothing but histories and scripts is compressed. */
export async function linesOf(path: string): Promise<Stretch> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const name = Buffer.from(members.entries);
    const directory = await tailOf(path, Math.max(0, size - 64 * 1024));
    const entry = directory.lastIndexOf(name) - 46;
    if (entry < 0 || directory.readUInt32LE(entry) !== 0x02014b50) throw new Error(`${path} has no ${members.entries}`);
    const [bytes, at] = [directory.readUInt32LE(entry + 20), directory.readUInt32LE(entry + 42)];
    const header = Buffer.alloc(30);
    await file.read(header, 0, 30, at);
    const from = at + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
    return { path, from, to: from + bytes };
  } finally {
    await file.close();
  }
}

async function tailOf(path: string, start: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of createReadStream(path, { start })) parts.push(chunk as Buffer);
  return Buffer.concat(parts);
}
