/** A history in `histories.jsonl`: its own bytes, untouched, between the names of its run. */

export type HistoryLine = { readonly workflow: string; readonly run: string; readonly bytes: Buffer };

const head = Buffer.from('{"history":');
const tail = /,"run":"([\w-]{1,200})","workflow":"([\w/.:-]{1,400})"\}$/;
const longestTail = 700;

/** @throws RangeError for a run or a Workflow's id that no Workflow of Curfew has */
export function historyLine({ workflow, run, bytes }: HistoryLine): Buffer {
  const end = `,"run":"${run}","workflow":"${workflow}"}`;
  if (!tail.test(end)) throw new RangeError('no history of a Workflow');
  return Buffer.concat([head, bytes, Buffer.from(end)]);
}

/** @returns undefined for a line in another form */
export function readHistoryLine(line: Buffer): HistoryLine | undefined {
  const end = tail.exec(line.subarray(-longestTail).toString('utf8'));
  const [whole, run, workflow] = end ?? [];
  if (whole === undefined || run === undefined || workflow === undefined) return undefined;
  if (!line.subarray(0, head.length).equals(head)) return undefined;
  return { workflow, run, bytes: line.subarray(head.length, line.length - whole.length) };
}
