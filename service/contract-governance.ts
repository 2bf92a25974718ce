/** Who may change the rules, and which Slack account is whose: a part of `contract.ts`. */
import type { Verdict } from '../domain/decision.ts';
import type { Refusal } from '../domain/errors.ts';
import type { LinkId, PersonId, PolicyHash, ProposalId } from '../domain/ids.ts';
import type { AccountFacts } from '../domain/person.ts';

/** A proposed policy version, as those who may approve it see it. */
export type ProposalModel = {
  readonly proposalId: ProposalId;
  readonly hash: PolicyHash;
  readonly base: PolicyHash | null;
  readonly proposedBy: string;
  readonly proposer: PersonId | null;
  readonly proposedAt: number;
  /** Unified diff of the texts, whole lines. */
  readonly diff: string;
  /** What would change for whom, one line each (`curfew policy plan`). */
  readonly changes: readonly string[];
  readonly approvals: readonly PersonId[];
  readonly need: number;
  readonly state: 'open' | 'adopted' | 'denied' | 'superseded';
  readonly you: Refusal | null;
};
export type DecideProposal = {
  readonly proposalId: ProposalId;
  readonly person: PersonId;
  readonly account: AccountFacts;
  readonly hash: string;
  readonly verdict: Verdict;
};
export type ProposalDecided = {
  readonly state: ProposalModel['state'];
  readonly need: number;
  readonly approvals: number;
};

export type LinkInput = { readonly code: string; readonly team: string; readonly user: string };

export type GovernanceUseCases = {
  proposalModel(input: {
    readonly proposalId: ProposalId;
    readonly person: PersonId;
  }): Promise<ProposalModel | Refusal>;
  decideProposal(input: DecideProposal): Promise<ProposalDecided | Refusal>;
  linkByCode(
    input: LinkInput,
  ): Promise<{ readonly person: PersonId; readonly approvesFromAt: number | null } | Refusal>;
  /** `team` and `user`: the account that clicks, an older one of the same human. */
  confirmLink(input: {
    readonly linkId: LinkId;
    readonly person: PersonId;
    readonly team: string;
    readonly user: string;
    readonly verdict: Verdict;
  }): Promise<{ readonly confirmed: boolean } | Refusal>;
};
