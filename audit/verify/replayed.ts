/**
 * Check 4: the recorded history of every Workflow is what the recorded script does, by Temporal's own replayer. A script
 * is run only where its hash stands in an entry of the signed log.
 *
 * Where several scripts ran a part of it each, an upgrade having come in between, the whole of it is replayed on the one
 * that completed the last task. That is what that worker did itself: whoever goes on with a Workflow has none of its
 * state, so the script does again all that was done before, and what it would have done otherwise fails the task
 * (Temporal, "Safe deployments": replay of open executions). The scripts before it had done no more than a part.
 */
import { createHash } from 'node:crypto';
import { bundleMember, longestLine, members } from '../evidence/format.ts';
import { bundlesOf, parseHistory, wasRun } from '../history/events.ts';
import { readHistoryLine, type HistoryLine } from '../evidence/history-line.ts';
import type { Evidence } from '../evidence/read.ts';
import type { PlacedEntry } from '../entry-line.ts';
import type { Replayed, Replayer } from '../replay/replay.ts';
import { textIn } from './case.ts';
import type { Tally } from './report.ts';
import { says } from './sentence.ts';

/** Starts a child that replays on one script. */
export type OpenReplay = (bundle: Uint8Array) => Promise<Replayer>;

export type ReplayedCheck = {
  /** @param proven is this entry known to be in the signed log? Nothing of one that is not is run */
  see(entry: PlacedEntry, proven: boolean): Promise<void> | undefined;
  finish(): Promise<void>;
};

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export function checkReplayed(
  evidence: Pick<Evidence, 'lines' | 'bytes' | 'names'>,
  open: OpenReplay,
  tally: Tally,
): ReplayedCheck {
  const histories = each(evidence.lines(members.histories, longestLine));
  let ahead: IteratorResult<HistoryLine | undefined, undefined> | undefined;
  let running: { readonly hash: string; readonly replayer: Replayer } | undefined;

  /** One script runs at a time; requests that follow one another have the same one, mostly. */
  async function replayerOf(hash: string): Promise<Replayer | string> {
    if (running?.hash === hash) return running.replayer;
    const bytes = /^[0-9a-f]{64}$/.test(hash)
      ? await evidence.bytes(bundleMember(hash)).catch(() => undefined)
      : undefined;
    if (!bytes)
      return `Its script ${bundleMember(hash)} ${evidence.names.has(bundleMember(hash)) ? 'is damaged' : 'is not in this file'}.`;
    if (sha256(bytes) !== hash) return `${bundleMember(hash)} is another script than the one of that hash.`;
    await running?.replayer.close();
    running = undefined;
    const replayer = await open(bytes).catch((error: unknown) => says(error));
    if (typeof replayer === 'string') return `It was not replayed, for this machine could not: ${replayer}`;
    running = { hash, replayer };
    tally.count('scripts');
    if (!replayer.walled) tally.count('scripts without a wall of the system');
    return replayer;
  }

  async function replay(entry: PlacedEntry, proven: boolean): Promise<string | undefined> {
    const history = await peek();
    const [workflow, run] = [textIn(entry, 'workflow'), textIn(entry, 'run')];
    if (history?.workflow !== workflow || history.run !== run) return `Its history is not in ${members.histories}.`;
    ahead = undefined;
    if (sha256(history.bytes) !== textIn(entry, 'sha256')) return 'Its history is another one than was exported.';
    tally.count('histories');
    const parsed = parseHistory(history.bytes);
    const ran = bundlesOf(parsed);
    if ((ran.last ?? null) !== entry.body['bundle']) return 'Its entry names another script than its history does.';
    if (ran.last === undefined) {
      tally.count(wasRun(parsed) ? 'histories of which no worker said by what script' : 'histories that no script ran');
      return undefined;
    }
    if (ran.all.length > 1) tally.count('histories that were gone on with by another script');
    if (!proven) return 'Its entry is not proved, so its script is not run.';
    const replayer = await replayerOf(ran.last);
    if (typeof replayer === 'string') return replayer;
    const result: Replayed = await replayer.replay({ history: history.bytes, workflowId: workflow });
    if (result === 'same') tally.count('replayed');
    return result === 'same' ? undefined : `It does not replay: ${result.differs}`;
  }

  async function peek(): Promise<HistoryLine | undefined> {
    ahead ??= await histories.next();
    return ahead.value;
  }

  return {
    see(entry, proven) {
      if (entry.kind !== 'history.exported') return undefined;
      return replay(entry, proven).then((why) => (why === undefined ? undefined : tally.bad(entry, why)));
    },
    async finish() {
      await running?.replayer.close();
      for (let one = await peek(); one; ahead = undefined, one = await peek()) {
        tally.bad(members.histories, `No entry names the history of ${one.workflow} that stands here.`);
      }
    },
  };
}

async function* each(batches: AsyncGenerator<readonly Buffer[]>): AsyncGenerator<HistoryLine | undefined, undefined> {
  for await (const batch of batches) for (const line of batch) yield readHistoryLine(line);
  return undefined;
}
