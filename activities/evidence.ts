import type { NodeEvidence } from '../domain/grant.ts';
import type { RequestId } from '../domain/ids.ts';
import type { EndReceipt } from '../targets/postgres/end.ts';

/** What several attempts at one revoke came to: the first knows when it began, each knows whom it told to end. */
export type Ended = {
  readonly startedAt: number;
  readonly verifiedAt: number;
  readonly rounds: number;
  readonly nodes: readonly NodeEvidence[];
};

type Tried = { readonly startedAt: number; rounds: number; readonly foundOn: Map<string, number> };

/**
 * Remembers what earlier attempts in this process did, so that a receipt counts the sessions of all of them. Only
 * counts are lost with the process: whether something is left is always the last answer's to say.
 */
export class Evidence {
  readonly #tried = new Map<RequestId, Tried>();

  /** @returns what the receipt says, once every node said that nothing is left (I16) */
  add(id: RequestId, receipt: EndReceipt): Ended | undefined {
    const tried = this.#tried.get(id) ?? {
      startedAt: receipt.startedAt,
      rounds: 0,
      foundOn: new Map<string, number>(),
    };
    tried.rounds += 1;
    for (const { node, sessionsFound } of receipt.nodes) {
      // NB. No sum: a session that outlived one attempt is found by the next one too.
      tried.foundOn.set(node, Math.max(tried.foundOn.get(node) ?? 0, sessionsFound));
    }
    this.#tried.set(id, tried);
    if (!receipt.ended || receipt.verifiedAt === null) return undefined;
    const nodes = receipt.nodes.map(({ node, ended, verifiedAt, facts }) => ({
      node,
      standby: facts?.inRecovery ?? false,
      sessionsFound: tried.foundOn.get(node) ?? 0,
      sessionsLeft: facts?.sessions ?? 0,
      canLogin: facts?.canLogin ?? false,
      ended,
      verifiedAt: verifiedAt ?? receipt.startedAt,
    }));
    return { startedAt: tried.startedAt, verifiedAt: receipt.verifiedAt, rounds: tried.rounds, nodes };
  }

  /** Once it is recorded. */
  forget(id: RequestId): void {
    this.#tried.delete(id);
  }
}
