import { answerTaint } from './answer-taint.ts';
import { away, back } from './away.ts';
import { peek } from './claim-code.ts';
import { claimStatus } from './claim-status.ts';
import { claim } from './claim.ts';
import { changePerson } from './change-person.ts';
import type { Context } from './context.ts';
import type { UseCases } from './contract.ts';
import { decide } from './decide.ts';
import { release, revoke, withdraw } from './end.ts';
import { extend } from './extend.ts';
import { decideExtension } from './extension-decide.ts';
import { extensionModel } from './extension-model.ts';
import { leave } from './leave.ts';
import { confirmLink, linkByCode } from './link.ts';
import { mintCode } from './mint-code.ts';
import { open } from './open.ts';
import { options } from './options.ts';
import { overview } from './overview.ts';
import { personalCode, personOfCode } from './personal-code.ts';
import { preview } from './planning.ts';
import { decideProposal, proposalModel } from './proposals.ts';
import { review } from './review.ts';
import { reviewModel } from './review-model.ts';
import { status } from './status.ts';

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
  changePerson: (input) => changePerson(ctx, input),
  answerTaint: (input) => answerTaint(ctx, input),
  status: (input) => status(ctx, input),
  extend: (input) => extend(ctx, input),
  extensionModel: (input) => extensionModel(ctx, input),
  decideExtension: (input) => decideExtension(ctx, input),
  away: (input) => away(ctx, input),
  back: (input) => back(ctx, input),
  overview: (input) => overview(ctx, input),
  personalCode: (input) => personalCode(ctx, input),
  personOfCode: (input) => personOfCode(ctx, input),
  proposalModel: (input) => proposalModel(ctx, input),
  decideProposal: (input) => decideProposal(ctx, input),
  linkByCode: (input) => linkByCode(ctx, input),
  confirmLink: (input) => confirmLink(ctx, input),
});
