import type { NodeEvidence } from '../domain/grant.ts';
import type { RequestId } from '../domain/ids.ts';
import type { EndReceipt } from '../targets/postgres/end.ts';
import { isRefuted } from '../targets/postgres/evidence.ts';

/**
 * What several attempts at one revoke came to: the first knows when it began, each knows whom it told to end, and the
 * first of those that found nothing left since knows when it was over.
 */
export type Ended = {
  readonly startedAt: number;
  readonly verifiedAt: number;
  readonly rounds: number;
  readonly nodes: readonly NodeEvidence[];
};

type Tried = {
  readonly startedAt: number;
  rounds: number;
  readonly foundOn: Map<string, number>;
  /** What first called it ended, and stands: it was not recorded yet. */
  over?: EndReceipt;
};

/** An attempt that goes on in another process leaves what is known of it here. */
const most = 10_000;

/**
 * Remembers what earlier attempts in this process did, so that a receipt counts the sessions of all of them, and a
 * store that is down makes no end any later than it was. Only counts and that instant are lost with the process:
 * whether something is left is always the last answer's to say.
 */
export class Evidence {
  readonly #tried = new Map<RequestId, Tried>();

  /** @returns what the receipt says, once every node said that nothing is left (I16) */
  add(id: RequestId, receipt: EndReceipt): Ended | undefined {
    const tried: Tried = this.#tried.get(id) ?? { startedAt: receipt.startedAt, rounds: 0, foundOn: new Map() };
    tried.rounds += 1;
    for (const { node, sessionsFound } of receipt.nodes) {
      // NB. No sum: a session that outlived one attempt is found by the next one too.
      tried.foundOn.set(node, Math.max(tried.foundOn.get(node) ?? 0, sessionsFound));
    }
    if (tried.over && isRefuted(tried.over, receipt)) delete tried.over;
    this.#keep(id, tried);
    if (!receipt.ended || receipt.verifiedAt === null) return undefined;
    const over = (tried.over ??= receipt);
    const nodes = over.nodes.map(({ node, ended, verifiedAt, facts }) => ({
      node,
      standby: facts?.inRecovery ?? false,
      sessionsFound: tried.foundOn.get(node) ?? 0,
      sessionsLeft: facts?.sessions ?? 0,
      canLogin: facts?.canLogin ?? false,
      ended,
      verifiedAt: verifiedAt ?? over.startedAt,
    }));
    const { startedAt, rounds } = tried;
    return { startedAt, verifiedAt: over.verifiedAt ?? receipt.verifiedAt, rounds, nodes };
  }

  /** Once it is recorded. */
  forget(id: RequestId): void {
    this.#tried.delete(id);
  }

  #keep(id: RequestId, tried: Tried): void {
    this.#tried.set(id, tried);
    const [oldest] = this.#tried.keys();
    if (this.#tried.size > most && oldest !== undefined) this.#tried.delete(oldest);
  }
}
