/**
 * What the command line does for a person, who shows by a short-lived code from Slack (`/curfew code`) that it is them.
 * The same use cases as Slack's, under the same rules; and to approve is the policy's to allow here at all.
 */
import type { Verdict } from '../domain/decision.ts';
import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import type { PersonId, RequestId } from '../domain/ids.ts';
import type { AccountFacts } from '../domain/person.ts';
import * as people from '../store/people.ts';
import { valid } from '../store/personal-codes.ts';
import { answering } from './answering.ts';
import { hashOfCode } from './codes.ts';
import type { Context } from './context.ts';
import type {
  Decided,
  Ended,
  Extended,
  Opened,
  OpenInput,
  Overview,
  RequestStatus,
  ReviewModel,
  UseCases,
} from './contract.ts';
import { longestBreakGlass } from './options.ts';

/** What Slack says of an account, at most a minute old; undefined where it does not answer in time. */
export type AskAccount = (account: {
  readonly team: string;
  readonly user: string;
}) => Promise<AccountFacts | undefined>;

/** Names of those whom an answer speaks of, by id. */
export type Named<Answer> = Answer & { readonly names: Readonly<Record<string, string>> };

export type Acting = {
  request(code: string, input: Omit<OpenInput, 'person' | 'kind'>): Promise<Opened | Refusal>;
  breakGlass(code: string, input: BreakGlassByCommand): Promise<Opened | Refusal>;
  mine(code: string): Promise<Named<Overview> | Refusal>;
  status(code: string, requestId: string): Promise<Named<RequestStatus> | Refusal>;
  review(code: string, requestId: string): Promise<Named<Reviewable> | Refusal>;
  decide(code: string, input: DecideByCommand): Promise<Decided | Refusal>;
  release(code: string, requestId: string): Promise<Ended | Refusal>;
  extend(code: string, input: ExtendByCommand): Promise<Extended | Refusal>;
};

export type BreakGlassByCommand = Omit<OpenInput, 'person' | 'kind' | 'ticket' | 'startAt' | 'durationMs'> & {
  readonly incident: string;
  /** As long as the policy allows where absent. */
  readonly durationMs?: number;
};
export type DecideByCommand = {
  readonly requestId: string;
  /** As `review` showed it. */
  readonly digest: string;
  readonly verdict: Verdict;
  readonly reason?: string;
};
export type ExtendByCommand = {
  readonly requestId: string;
  readonly byMs?: number;
  readonly reason?: string;
  readonly key: string;
};
/** Review without what JSON has no form for. */
export type Reviewable = Omit<ReviewModel, 'standsInFor'>;

type Needed = Pick<
  UseCases,
  'personOfCode' | 'open' | 'options' | 'overview' | 'status' | 'reviewModel' | 'decide' | 'release' | 'extend'
>;

/** @param account absent: without Slack nobody can say whether an account is in order, so nothing is decided here */
export function actingUseCases(ctx: Context, use: Needed, account?: AskAccount): Acting {
  const as = async <Answer>(
    code: string,
    act: (person: PersonId) => Promise<Answer | Refusal>,
  ): Promise<Answer | Refusal> => {
    const whose = await use.personOfCode({ code });
    return isRefusal(whose) ? whose : act(whose.person);
  };
  const named = async <Answer extends object>(
    answer: Answer | Refusal,
    ids: (answer: Answer) => readonly PersonId[],
  ): Promise<Named<Answer> | Refusal> =>
    isRefusal(answer) ? answer : { ...answer, names: await namesOf(ctx, ids(answer)) };
  return {
    request: (code, input) => as(code, (person) => use.open({ ...input, person, kind: 'access' })),
    breakGlass: (code, { incident, ...input }) =>
      as(code, async (person) => {
        const durationMs = input.durationMs ?? (await longestBreakGlass(use, { ...input, person }));
        const hash = hashOfCode(code);
        const row = await answering(ctx, 'act', async () => hash && (await valid(ctx.store, hash, ctx.clock())));
        if (isRefusal(row)) return row;
        const asked = { ...input, durationMs, person, kind: 'break-glass', ticket: incident } as const;
        return use.open({ ...asked, ...(row ? { account: row.account } : {}) });
      }),
    mine: (code) => as(code, async (person) => named(await use.overview({ person }), requesters)),
    status: (code, requestId) =>
      as(code, async (reader) => named(await use.status({ requestId, reader }), ({ requester }) => [requester])),
    review: (code, requestId) =>
      // The reason and what somebody holds are for those whom it concerns; the rest hear why it is not theirs.
      as(code, async (person) => {
        const model = await use.reviewModel({ requestId: requestId as RequestId, person });
        if (isRefusal(model)) return model;
        if (model.you !== null && isRefusal(await use.status({ requestId, reader: person }))) return model.you;
        const { standsInFor: _, ...shown } = model;
        return named<Reviewable>(shown, (one) => [one.requester, ...one.decisions.map((each) => each.person)]);
      }),
    decide: (code, input) => as(code, (person) => decide(ctx, use, { ...input, code, person }, account)),
    release: (code, requestId) => as(code, (person) => use.release({ requestId: requestId as RequestId, person })),
    extend: (code, { requestId, ...input }) =>
      as(code, (person) => use.extend({ ...input, requestId: requestId as RequestId, person })),
  };
}

const requesters = ({ grants, requests, recent, waiting }: Overview): readonly PersonId[] =>
  [...grants, ...requests, ...recent, ...waiting].map(({ requester }) => requester);

async function namesOf(ctx: Context, ids: readonly PersonId[]): Promise<Readonly<Record<string, string>>> {
  const known = await people.profiles(ctx.store, [...new Set(ids)]).catch(() => new Map<PersonId, people.Profile>());
  return Object.fromEntries([...known].flatMap(([id, { name }]) => (name === null ? [] : [[id, name]])));
}

type Deciding = DecideByCommand & { readonly code: string; readonly person: PersonId };

async function decide(
  ctx: Context,
  use: Needed,
  { code, person, requestId, ...input }: Deciding,
  ask: AskAccount | undefined,
): Promise<Decided | Refusal> {
  const allowed = await answering(ctx, 'act', async () => (await ctx.policy()).approveByCommand);
  if (isRefusal(allowed)) return allowed;
  // A denial gives nobody anything, so it needs no leave.
  if (!allowed && input.verdict === 'approve') {
    return refuse('PolicyDenied', 'The policy lets nobody approve from the command line: press Review on the card.');
  }
  const account = await answering(ctx, 'act', () => accountOf(ctx, code, person, ask));
  if (account === undefined) return refuse('NotRecorded', 'Not recorded: Slack did not say whose account this is.');
  if (isRefusal(account)) return account;
  return use.decide({ ...input, requestId: requestId as RequestId, person, account });
}

/**
 * What Slack says of the person's account now, and whatever spoke against the account that asked for the code, which
 * may be another one of theirs.
 */
async function accountOf(
  ctx: Context,
  code: string,
  person: PersonId,
  ask: AskAccount | undefined,
): Promise<AccountFacts | undefined> {
  const hash = hashOfCode(code);
  const asked = hash && (await valid(ctx.store, hash, ctx.clock()))?.account;
  const profile = (await people.profiles(ctx.store, [person])).get(person);
  if (!asked || profile?.slackTeam === undefined || profile.slackUser === undefined) return undefined;
  const now = await ask?.({ team: profile.slackTeam, user: profile.slackUser });
  return (
    now && {
      deleted: now.deleted || asked.deleted,
      bot: now.bot || asked.bot,
      restricted: now.restricted || asked.restricted,
      stranger: now.stranger || asked.stranger,
      ...(now.fresh === true || asked.fresh === true ? { fresh: true } : {}),
      readAt: now.readAt,
    }
  );
}
