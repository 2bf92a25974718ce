/** A history in `histories.jsonl`: its own bytes, untouched, between the names of its run. */
import { longestLine } from './format.ts';

export type HistoryLine = { readonly workflow: string; readonly run: string; readonly bytes: Buffer };

const head = Buffer.from('{"history":');
const text = String.raw`"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-f]{4}))*"`;
const tail = new RegExp(String.raw`,"run":(${text}),"workflow":(${text})\}$`);
/** Temporal takes ids of 1,000 bytes, each of which may be six in JSON. */
const longestTail = 16_000;
const none = Buffer.from('null');

/** What is no history and would take more than its line is written as null: then it has not the hash that it should have. */
export function historyLine({ workflow, run, bytes }: HistoryLine): Buffer {
  const end = Buffer.from(`,"run":${JSON.stringify(run)},"workflow":${JSON.stringify(workflow)}}`);
  const fits = head.length + bytes.length + end.length <= longestLine && !bytes.includes('\n');
  return Buffer.concat([head, fits ? bytes : none, end]);
}

/** @returns undefined for a line in another form */
export function readHistoryLine(line: Buffer): HistoryLine | undefined {
  const [whole, run, workflow] = tail.exec(line.subarray(-longestTail).toString('utf8')) ?? [];
  if (whole === undefined || run === undefined || workflow === undefined) return undefined;
  if (!line.subarray(0, head.length).equals(head)) return undefined;
  const bytes = line.subarray(head.length, line.length - Buffer.byteLength(whole));
  return { run: JSON.parse(run) as string, workflow: JSON.parse(workflow) as string, bytes };
}
