/** A race: two or three calls about one request at nearly the same moment, and what must be true of it afterwards. */
import { setTimeout as pause } from 'node:timers/promises';
import { isRefusal, type Refusal } from '../../domain/errors.ts';
import type { RequestId } from '../../domain/ids.ts';
import type { Decided, DecideInputFromClick } from '../../service/contract.ts';
import { ask, ok, type Handle } from './company.ts';
import type { Api, Arena } from './arena.ts';
import { oneOf } from '../../dev/faults/seeded.ts';
import type { RaceRecord } from './race-records.ts';

/** How one race is to be run; all of it follows from the seed. */
export type Plan = {
  readonly number: number;
  /** Before each call, ms. */
  readonly delaysMs: readonly [number, number, number];
  /** The process that takes each call. */
  readonly apis: readonly [Api, Api, Api];
  /** A relay sends beside the writers. */
  readonly hurried: boolean;
  readonly requester: Handle;
  /** 0 up to 1: which variant of its kind. */
  readonly variant: number;
};

export const severalPeople = 'approve against approve, several people';
export const onePerson = 'approve against approve, one person';
/** Races that another one may follow. */
type Name = typeof severalPeople | typeof onePerson;

/** What was answered, in the order of the plan's calls. `before`: the race on the same request that this one follows. */
export type Played = {
  readonly requestId: RequestId;
  readonly answers: readonly unknown[];
  readonly before?: { readonly name: Name; readonly played: Played };
};

/**
 * @param play runs it, and returns once all calls were answered
 * @param judge throws where something must not be; @returns which way it went, one of `ways`
 */
export type Kind = {
  /** How many of the schedule; those that come before another race are not among them. */
  readonly times: number;
  /** It waits for an instant more than it works. */
  readonly waits?: true;
  /** The ways it must have gone at least a few times each: else nothing raced. */
  readonly ways: readonly string[];
  play(arena: Arena, plan: Plan): Promise<Played>;
  judge(played: Played, record: RaceRecord, plan: Plan, arena: Arena): string;
};

const requesters = ['ada', 'ben', 'eve'] as const;

export function planned(random: () => number, number: number): Plan {
  const delay = (): number => random() * 25;
  // One process in five dies over its call.
  const api = (): Api =>
    random() < 0.8 ? oneOf(random, ['prompt', 'late'] as const) : oneOf(random, ['cut', 'deaf'] as const);
  return {
    number,
    delaysMs: [delay(), delay(), delay()],
    apis: [api(), api(), api()],
    hurried: random() < 0.25,
    requester: oneOf(random, requesters),
    variant: random(),
  };
}

/** Each call by its process after its delay; with a relay in between where the plan says so. */
export async function atOnce(
  arena: Arena,
  { delaysMs, apis, hurried }: Plan,
  requestId: RequestId,
  calls: readonly ((use: Arena['use'][Api]) => Promise<unknown>)[],
): Promise<readonly unknown[]> {
  const running = calls.map(async (call, index) => {
    await pause(delaysMs[index] ?? 0);
    return call(arena.use[apis[index] ?? 'prompt']);
  });
  if (hurried) await pause(delaysMs[2]).then(() => arena.hurry(requestId));
  const answers = await Promise.all(running);
  if (hurried) await arena.hurry(requestId);
  return answers;
}

/** Opened, and the digest that its approvers are shown. */
export async function opened(
  arena: Arena,
  { requester }: Plan,
  change: Partial<Parameters<typeof ask>[1]> = {},
): Promise<{ readonly requestId: RequestId; readonly digest: string }> {
  const { company, use } = arena;
  const { requestId } = ok(await use.prompt.open(ask(company, { person: company.id(requester), ...change })));
  return { requestId, digest: await arena.digestOf(requestId) };
}

/** A click in Review. */
export const says =
  (
    { company }: Arena,
    of: { readonly requestId: RequestId; readonly digest: string },
    handle: Handle,
    verdict: DecideInputFromClick['verdict'] = 'approve',
  ) =>
  (use: Arena['use'][Api]): Promise<Decided | Refusal> =>
    use.decide({
      ...of,
      person: company.id(handle),
      account: { deleted: false, bot: false, restricted: false, stranger: false, readAt: Date.now() },
      verdict,
      ...(verdict === 'deny' ? { reason: 'not now' } : {}),
    });

/** Fails with everything that is known where something is not as it must be. */
export function must(is: boolean, what: string, played: Played, record: RaceRecord): void {
  if (!is) throw new Error(`${what}: ${JSON.stringify({ answers: played.answers, record })}`);
}

export const live = (record: RaceRecord) => record.decisions.filter(({ voided }) => !voided);
export const times = (record: RaceRecord, kind: string): number => record.entries[kind] ?? 0;
export const codeOf = (answer: unknown): string => (isRefusal(answer) ? answer.code : 'ok');

/**
 * What holds of every race: each decision, void and close is in the log once, each refusal that somebody was told is in
 * it too, and the Workflow counts exactly those whom the store counts.
 */
export function holdsAlways(played: Played, record: RaceRecord): void {
  const voided = record.decisions.length - live(record).length;
  must(times(record, 'decision.made') === record.decisions.length, 'one entry a decision', played, record);
  must(times(record, 'decision.voided') === voided, 'one entry a void', played, record);
  const closes = times(record, 'request.closed') + times(record, 'grant.ended');
  must(closes === (record.state.kind === 'closed' ? 1 : 0), 'one entry of its close, and one close', played, record);
  must(times(record, 'request.opened') === 1, 'opened once', played, record);
  must(
    new Set(live(record).map(({ person }) => person)).size === live(record).length,
    'one seat a person',
    played,
    record,
  );
  if (!('approvals' in record.state)) return;
  const counted = record.state.approvals.map(({ decisionId }) => decisionId as string).toSorted();
  const kept = live(record)
    .map(({ id }) => id)
    .toSorted();
  must(counted.join() === kept.join(), 'the Workflow counts whom the store counts', played, record);
}

/** Refused, as `NotPending`, in the log; so that whoever lost was told why. */
export function mustBeTold(played: Played, record: RaceRecord, index: number): void {
  const answer = played.answers[index];
  must(codeOf(answer) === 'NotPending', 'the loser is told that it was decided', played, record);
  must(isRefusal(answer) && answer.message.length > 10, 'and how', played, record);
  must(record.refused.includes('NotPending'), 'and the log says so', played, record);
}
