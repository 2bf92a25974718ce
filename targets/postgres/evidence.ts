import type { Revoked, RevokeOutcome, Verified } from './calls.ts';

/** What one node last said of one grant. Counts are of sessions; instants are Curfew's clock, epoch ms. */
export type NodeEvidence = {
  readonly node: string;
  /** Told to end, each once: by this attempt or, where the node notes it, by any of our processes before. */
  readonly sessionsFound: number;
  readonly sessionsClosed: number;
  readonly ended: boolean;
  /** When the answer that follows was read, in a transaction after the revoke's; null: none came. */
  readonly verifiedAt: number | null;
  readonly facts: Omit<Verified, 'grantId' | 'ended'> | null;
  /** Why the node has no say yet: unreachable, refused, or the revoke is not replayed there. Null with an answer. */
  readonly problem: string | null;
};

/** The evidence of an ending. `ended` only when every node says so (I16); else the nodes that do not are in `nodes`. */
export type EndReceipt = {
  readonly grantId: string;
  readonly outcome: RevokeOutcome;
  /** Left at the last answer; more than 0 only with `blocked`, `failed`, or a superuser's own grant (P20). */
  readonly memberships: number;
  readonly nodes: readonly NodeEvidence[];
  readonly ended: boolean;
  readonly startedAt: number;
  /** The latest of the nodes' answers; null until all have answered. */
  readonly verifiedAt: number | null;
};

/**
 * Whether `later` tells of something that was there after `first` had called the grant ended everywhere. A node that
 * did not answer tells of nothing.
 */
export const isRefuted = (first: EndReceipt, later: EndReceipt): boolean =>
  later.outcome === 'failed' ||
  later.outcome === 'blocked' ||
  later.nodes.some(({ node, sessionsFound, facts }) => {
    const before = first.nodes.find((one) => one.node === node);
    // Who was told to end before is counted again where the node notes it, and nowhere else.
    return !before || sessionsFound > (before.facts?.closed ?? 0) || (facts !== null && isSomethingLeft(facts));
  });

const isSomethingLeft = ({ state, canLogin, memberships, sessions, prepared }: Facts): boolean =>
  state === 'active' || canLogin || memberships + sessions + prepared > 0;

type Facts = NonNullable<NodeEvidence['facts']>;

type NodeEntry = { pids: Set<number>; answer: Verified | null; verifiedAt: number | null; problem: string | null };
const notAsked = (): NodeEntry => ({ pids: new Set(), answer: null, verifiedAt: null, problem: 'not asked yet' });

/** Keeps what is known of each grant on each node, and says when one is ended everywhere. */
export class EvidenceBook {
  readonly #nodes: readonly string[];
  readonly #startedAt: number;
  readonly #onEnded: ((receipt: EndReceipt) => void) | undefined;
  readonly #entries = new Map<string, Map<string, NodeEntry>>();
  readonly #revokes = new Map<string, Revoked>();
  readonly #told = new Set<string>();
  #closed = false;

  constructor(
    nodes: readonly string[],
    ids: readonly string[],
    startedAt: number,
    onEnded?: (receipt: EndReceipt) => void,
  ) {
    this.#nodes = nodes;
    this.#startedAt = startedAt;
    this.#onEnded = onEnded;
    for (const id of ids) {
      this.#entries.set(id, new Map(nodes.map((node) => [node, notAsked()])));
    }
  }

  revoked(rows: readonly Revoked[]): void {
    if (this.#closed) return;
    for (const row of rows) this.#revokes.set(row.grantId, row);
  }

  unfinished(): readonly string[] {
    return [...this.#revokes.values()]
      .filter((row) => row.outcome === 'blocked' || row.outcome === 'failed')
      .map((row) => row.grantId);
  }

  leftOn(node: string): readonly string[] {
    return [...this.#entries.keys()].filter((id) => this.#entries.get(id)?.get(node)?.answer?.ended !== true);
  }

  signalled(node: string, id: string, pids: readonly number[]): void {
    if (this.#closed) return;
    for (const pid of pids) this.#entries.get(id)?.get(node)?.pids.add(pid);
  }

  verified(node: string, asked: readonly string[], answers: readonly Verified[], at: number): void {
    if (this.#closed) return;
    for (const id of asked) {
      const entry = this.#entries.get(id)?.get(node);
      if (!entry) continue;
      const answer = answers.find((row) => row.grantId === id);
      entry.answer = answer ?? null;
      entry.verifiedAt = answer ? at : null;
      entry.problem = answer ? null : `${node} does not know the revoke yet`;
      this.#tellIfEnded(id);
    }
  }

  problem(node: string, ids: readonly string[], text: string): void {
    if (this.#closed) return;
    for (const id of ids) {
      const entry = this.#entries.get(id)?.get(node);
      if (entry) Object.assign(entry, { answer: null, verifiedAt: null, problem: text });
    }
  }

  /** No later answer changes what was returned. */
  close(): readonly EndReceipt[] {
    this.#closed = true;
    return [...this.#entries.keys()].map((id) => this.#receipt(id));
  }

  #tellIfEnded(id: string): void {
    if (!this.#onEnded || this.#told.has(id)) return;
    const receipt = this.#receipt(id);
    if (!receipt.ended) return;
    this.#told.add(id);
    this.#onEnded(receipt);
  }

  #receipt(grantId: string): EndReceipt {
    const nodes = this.#nodes.map((node) => evidenceOf(node, this.#entries.get(grantId)?.get(node)));
    const revoke = this.#revokes.get(grantId);
    const instants = nodes.map((node) => node.verifiedAt);
    const memberships = nodes.map((node) => node.facts?.memberships ?? 0);
    return {
      grantId,
      outcome: revoke?.outcome ?? 'failed',
      memberships: instants.includes(null) ? (revoke?.memberships ?? 0) : Math.max(...memberships),
      nodes,
      ended: nodes.length > 0 && nodes.every((node) => node.ended),
      startedAt: this.#startedAt,
      verifiedAt: instants.some((at) => at === null) ? null : Math.max(...instants.map(Number)),
    };
  }
}

function evidenceOf(node: string, entry: NodeEntry | undefined): NodeEvidence {
  const found = entry?.pids.size ?? 0;
  const answer = entry?.answer ?? null;
  if (!entry || !answer) {
    return {
      node,
      sessionsFound: found,
      sessionsClosed: 0,
      ended: false,
      verifiedAt: null,
      facts: null,
      problem: entry?.problem ?? null,
    };
  }
  const { grantId: _, ended, ...facts } = answer;
  const told = Math.max(found, facts.closed);
  const closed = Math.max(0, told - facts.sessions);
  return {
    node,
    sessionsFound: told,
    sessionsClosed: closed,
    ended,
    verifiedAt: entry.verifiedAt,
    facts,
    problem: null,
  };
}
