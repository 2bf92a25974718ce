/**
 * A fake of `Temporal`, by hand, for tests of what calls it. It moves requests with the Workflow's own state object and
 * keeps what the SDK promises (an Update's id answers its first outcome for ever, a handler's refusal too; a closed run takes nothing new), but
 * has no timers, no activities and no history: a test says `granted` and `ended` itself. It can be dead, and slow.
 */
import { ApplicationFailure } from '@temporalio/workflow';
import { CurfewError, type ErrorCode } from '../../domain/errors.ts';
import type { RequestId } from '../../domain/ids.ts';
import type { RequestEvent } from '../../domain/request.ts';
import type { RequestView } from '../../domain/view.ts';
import { extendKey, type Temporal } from '../../temporal/connection.ts';
import type { AccessRequestInput, EffectiveInput, LeaveInput } from '../../workflows/contract.ts';
import { Life } from '../../workflows/life.ts';

export type FakeTemporal = Temporal & {
  /** While true nothing arrives, and every call ends as a deadline does. */
  dead: boolean;
  /** While true everything arrives and no answer comes back. */
  mute: boolean;
  /** While there, every new Update is rejected with it, as by a validator: nothing of it is kept. */
  refusal: CurfewError | undefined;
  /** What arrived, in order: `decide <request>`. */
  readonly heard: readonly string[];
  readonly leaves: readonly LeaveInput[];
  readonly effectives: readonly EffectiveInput[];
  readonly starts: readonly AccessRequestInput[];
  view(id: RequestId): RequestView;
  /** What the main loop would do: `granted`, `expired`, `verified`, ... */
  happens(id: RequestId, event: RequestEvent): RequestView;
};

export function fakeTemporal(): FakeTemporal {
  const lives = new Map<string, Life>();
  const inputs = new Map<string, AccessRequestInput>();
  const outcomes = new Map<string, RequestView | CurfewError>();
  const heard: string[] = [];
  const leaves: LeaveInput[] = [];
  const effectives: EffectiveInput[] = [];
  const reviews: RequestId[] = [];

  const lifeOf = (id: RequestId): Life => {
    const life = lives.get(id);
    if (!life) throw new CurfewError('NotConfirmed', 'Recorded, and not confirmed yet.');
    return life;
  };
  async function arrives<T>(what: string, work: () => T): Promise<T> {
    await Promise.resolve();
    if (fake.dead) throw new CurfewError('NotConfirmed', 'Recorded, and not confirmed yet.');
    heard.push(what);
    let result: T;
    try {
      result = work();
    } catch (error) {
      throw error instanceof ApplicationFailure ? refusalOf(error) : error;
    }
    if (fake.mute) throw new CurfewError('NotConfirmed', 'Recorded, and not confirmed yet.');
    return result;
  }
  const update = (
    id: RequestId,
    updateId: string,
    kind: string,
    validate: (life: Life) => void,
    handle: (life: Life) => RequestView,
  ): Promise<RequestView> =>
    arrives(`${kind} ${id}`, () => {
      const known = outcomes.get(`${id} ${updateId}`);
      if (known instanceof CurfewError) throw known;
      if (known) return known;
      if (fake.refusal) throw fake.refusal;
      const life = lifeOf(id);
      validate(life);
      try {
        const view = handle(life);
        outcomes.set(`${id} ${updateId}`, view);
        return view;
      } catch (error) {
        // What a handler refuses stands in the history; what a validator rejects leaves nothing, and may be sent again.
        if (error instanceof ApplicationFailure) outcomes.set(`${id} ${updateId}`, refusalOf(error));
        throw error;
      }
    });

  const fake: FakeTemporal = {
    dead: false,
    mute: false,
    refusal: undefined,
    heard,
    leaves,
    effectives,
    get starts() {
      return [...inputs.values()];
    },
    view: (id) => lifeOf(id).view(),
    happens: (id, event) => {
      const refusal = lifeOf(id).happened(event);
      if (refusal) throw new Error(`${event.kind}: ${refusal.message}`);
      return lifeOf(id).view();
    },
    startRequest: (input) =>
      arrives(`start ${input.requestId}`, () => {
        if (lives.has(input.requestId)) return 'already-there';
        inputs.set(input.requestId, input);
        lives.set(input.requestId, new Life(input));
        return 'started';
      }),
    decide: (id, input) =>
      update(
        id,
        input.decisionId,
        'decide',
        (life) => life.mayDecide(input),
        (life) => life.decide(input),
      ),
    claim: (id, input) =>
      update(
        id,
        `claim:${input.credentialId}`,
        'claim',
        (life) => life.mayClaim(input),
        (life) => life.claim(input),
      ),
    extend: (id, input) =>
      update(
        id,
        extendKey(input),
        'extend',
        (life) => life.mayExtend(input),
        (life) => life.extend(input),
      ),
    release: (id, input) =>
      update(
        id,
        `release:${id}`,
        'release',
        (life) => life.mayEnd(input),
        (life) => life.release(),
      ),
    withdraw: (id, input) =>
      update(
        id,
        `withdraw:${id}`,
        'withdraw',
        (life) => life.mayEnd(input),
        (life) => life.withdraw(),
      ),
    revoke: (id, input) =>
      arrives(`revoke ${id}`, () => {
        if (lifeOf(id).is('closed')) throw new CurfewError('NotPending', 'This request is closed.');
        lifeOf(id).revoke(input);
      }),
    voidDecisions: (id, input) =>
      arrives(`void ${id}`, () => {
        lifeOf(id).voidDecisions(input);
      }),
    startLeave: (input) =>
      arrives(`leave ${input.personId}`, () => {
        const there = leaves.some((leave) => leave.personId === input.personId && leave.event === input.event);
        if (!there) leaves.push(input);
        return there ? 'already-there' : 'started';
      }),
    startReview: (input) =>
      arrives(`review ${input.requestId}`, () => {
        const there = reviews.includes(input.requestId);
        if (!there) reviews.push(input.requestId);
        return there ? 'already-there' : 'started';
      }),
    reviewed: (id) =>
      arrives(`reviewed ${id}`, () => {
        if (!reviews.includes(id)) throw new CurfewError('NotPending', 'Nobody asks for it.');
      }),
    startEffective: (input) =>
      arrives(`effective ${input.source}/${input.event}`, () => {
        const there = effectives.some(({ source, event }) => source === input.source && event === input.event);
        if (!there) effectives.push(input);
        return there ? 'already-there' : 'started';
      }),
    close: () => Promise.resolve(),
  };
  return fake;
}

const refusalOf = (failure: ApplicationFailure): CurfewError =>
  new CurfewError(failure.type as ErrorCode, failure.message);
