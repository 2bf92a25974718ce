/**
 * What the log says of one request so far. Filled in by the checks as they go through the log together, entry by entry;
 * once a request is over, all that stays of it is that it is.
 */
import type { Decision } from '../../domain/decision.ts';
import type { ExtensionBodies } from '../../domain/events/extension.ts';
import type { GrantBodies } from '../../domain/events/grant.ts';
import type { RequestBodies } from '../../domain/events/request.ts';
import type { DecisionId, ExtensionId, RequestId } from '../../domain/ids.ts';
import type { RequestState } from '../../domain/request.ts';
import type { Human } from '../../policy/eligibility.ts';
import type { PlacedEntry } from '../entry-line.ts';
import { createClosed } from './closed.ts';

export type OpenedBody = RequestBodies['request.opened'];
export type DecisionBody = RequestBodies['decision.made'];
export type ExtensionAskedBody = ExtensionBodies['extension.asked'];
export type ExtensionDecidedBody = ExtensionBodies['extension.decided'];
export type ExtensionMadeBody = ExtensionBodies['extension.made'];
export type ClaimBody = GrantBodies['claim.accepted'];
export type ReaperEndedBody = GrantBodies['reaper.ended'];
export type GrantBody = GrantBodies['grant.made'];
export type EndedBody = GrantBodies['grant.ended'];

/** One person's word, as the log has it. `humans`: who sat by it, and in whose place; none where it did not count. */
export type Word = {
  readonly entry: PlacedEntry;
  readonly decision: Decision;
  humans: readonly Human[];
  voided?: { readonly atMs: number; readonly cause: string };
};

/** `came`: the first entry that says what came of it, `extension.made` or `extension.failed`; no later one takes it back. */
export type ExtensionCase = {
  readonly entry: PlacedEntry;
  readonly asked: ExtensionAskedBody;
  readonly words: Word[];
  came?: PlacedEntry;
};

/** From when to when somebody knew that something does not end, epoch ms. `subject`: the request, or the cluster. */
export type Alarm = { readonly key: string; readonly subject: string; readonly raisedAt: number; overAt?: number };

export type Case = {
  readonly id: RequestId;
  readonly entry: PlacedEntry;
  readonly opened: OpenedBody;
  state: RequestState;
  readonly words: Map<DecisionId, Word>;
  readonly extensions: Map<ExtensionId, ExtensionCase>;
  /** There is one, for ever. */
  claim?: { readonly entry: PlacedEntry; readonly body: ClaimBody };
  /** A claim that the Workflow would not take: its end was asked for. */
  claimRefused?: boolean;
  grant?: { readonly entry: PlacedEntry; readonly body: GrantBody };
  /** Causes for which its end was asked, and when first. */
  readonly asked: { readonly cause: string; readonly atMs: number }[];
  /** That it does not end. */
  readonly alarms: Alarm[];
  /** Words of the reaper that nothing was left of it, which nobody has held against its grant yet. */
  readonly reaped: PlacedEntry[];
  /** When the reaper had seen on every node that nothing was left of it, epoch ms. */
  safeAt?: number;
  /** When the newest session of it that the collector told of began, epoch ms. */
  sessionAt?: number;
  /** By now, with what extensions have added. */
  endAt?: number;
};

export type Granted = Case & Required<Pick<Case, 'grant'>>;
export const isGranted = (one: Case): one is Granted => one.grant !== undefined;

/** A number: it is over since then (epoch ms), and nothing of it is kept but that. */
export type Cases = {
  of(subject: string): Case | number | undefined;
  open(entry: PlacedEntry, body: OpenedBody, state: RequestState): Case;
  close(id: string, at: number): void;
  /** Those that are not over. */
  left(): Iterable<Case>;
};

export function createCases(): Cases {
  const cases = new Map<string, Case>();
  const closed = createClosed();
  return {
    of: (subject) => cases.get(subject) ?? closed.at(subject),
    open(entry, opened, state) {
      const id = entry.subject as RequestId;
      const none = { words: new Map(), extensions: new Map(), asked: [], alarms: [], reaped: [] };
      const made: Case = { id, entry, opened, state, ...none };
      cases.set(id, made);
      return made;
    },
    close(id, at) {
      cases.delete(id);
      closed.add(id, at);
    },
    left: () => cases.values(),
  };
}

/** Words that approve and count: not void, and somebody sat by them. */
export const counted = (words: Iterable<Word>): readonly Word[] =>
  [...words].filter(({ decision, voided, humans }) => decision.verdict === 'approve' && !voided && humans.length > 0);

/** As an approval of the state, of a word that counts. */
export const approvalOf = ({ decision, humans }: Word) => {
  const [, other] = humans;
  const { id: decisionId, person, stage, madeAt: at } = decision;
  return { decisionId, person, stage, at, ...(other ? { standsInFor: other.id } : {}) };
};

/** A text of a body; empty where it has none of this name. */
export function textIn({ body }: Pick<PlacedEntry, 'body'>, key: string): string {
  const value = body[key];
  return typeof value === 'string' ? value : '';
}
