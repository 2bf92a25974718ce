import { peek } from './claim-code.ts';
import { claimStatus } from './claim-status.ts';
import { claim } from './claim.ts';
import type { Context } from './context.ts';
import type { UseCases } from './contract.ts';
import { decide } from './decide.ts';
import { release, revoke, withdraw } from './end.ts';
import { leave } from './leave.ts';
import { mintCode } from './mint-code.ts';
import { open } from './open.ts';
import { options } from './options.ts';
import { preview } from './planning.ts';
import { decideProposal, proposalModel } from './proposals.ts';
import { review } from './review.ts';
import { reviewModel, status } from './status.ts';

/** Binds every use case to one context. */
export const bindUseCases = (ctx: Context): UseCases => ({
  open: (input) => open(ctx, input),
  preview: (input) => preview(ctx, input),
  options: (input) => options(ctx, input),
  reviewModel: (input) => reviewModel(ctx, input),
  decide: (input) => decide(ctx, input),
  mintCode: (input) => mintCode(ctx, input),
  peek: (input) => peek(ctx, input),
  claim: (input) => claim(ctx, input),
  claimStatus: (input) => claimStatus(ctx, input),
  release: (input) => release(ctx, input),
  withdraw: (input) => withdraw(ctx, input),
  revoke: (input) => revoke(ctx, input),
  review: (input) => review(ctx, input),
  leave: (input) => leave(ctx, input),
  status: (input) => status(ctx, input),
  proposalModel: (input) => proposalModel(ctx, input),
  decideProposal: (input) => decideProposal(ctx, input),
});
