/** Races of a grant on a real target, which two people approved at once: its extension, its end, and both ways to end it. */
import { isRefusal } from '../../domain/errors.ts';
import type { RequestId } from '../../domain/ids.ts';
import { minuteMs } from '../../domain/time.ts';
import type { Extended } from '../../service/contract.ts';
import type { Arena } from './arena.ts';
import { ok, verifier } from './company.ts';
import { eventually, until } from './eventually.ts';
import { approvedByTwo, aroundMs } from './races-decided.ts';
import { atOnce, codeOf, must, severalPeople, times, type Kind, type Plan, type Played } from './races.ts';
import type { RaceRecord } from './race-records.ts';

type Held = {
  readonly requestId: RequestId;
  readonly endAt: number;
  /** The race by which it was approved. */
  readonly before: NonNullable<Played['before']>;
};
const oneVerifier = verifier();

/** Claimed as soon as its Workflow says that it is approved, and held. */
async function held(arena: Arena, plan: Plan, durationMs: number): Promise<Held> {
  const { company, use } = arena;
  const played = await approvedByTwo(arena, plan, plan.number % 3 === 0 ? 'write' : 'read', durationMs);
  const { requestId } = played;
  const waiting = { withinMs: 120_000, everyMs: 100 };
  const kind = async () => ok(await use.prompt.status({ requestId })).view.state.kind;
  await eventually('its Workflow says that it is approved', async () => (await kind()) === 'approved', waiting);
  const { code } = ok(await use.prompt.mintCode({ requestId, person: company.id(plan.requester) }));
  const { endAt } = ok(await use.prompt.claim({ code, verifier: oneVerifier, address: '192.0.2.7' }));
  await eventually('it is held', async () => ok(await use.prompt.claimStatus({ code })).state !== 'granting', waiting);
  return { requestId, endAt, before: { name: severalPeople, played } };
}

/** One way out, whoever was first, once; and nothing can log in any more. @returns null where it never was held */
function endedOnce(played: Played, record: RaceRecord): RaceRecord['grant'] {
  const { grant, ledger } = record;
  must(record.state.kind === 'closed', 'it is closed', played, record);
  // A busy machine may take longer over a grant than the grant would have lasted.
  if (!grant) {
    must(record.outcome === 'failed' && times(record, 'grant.failed') === 1, 'it failed and says so', played, record);
    must(ledger?.state === 'revoked' && !ledger.canLogin, 'and never will be', played, record);
    return null;
  }
  must(record.state.kind === 'closed', 'it is closed', played, record);
  must(
    times(record, 'grant.made') === 1 && times(record, 'grant.ended') === 1,
    'granted once, ended once',
    played,
    record,
  );
  must(ledger?.state === 'revoked' && !ledger.canLogin, 'the target has it ended', played, record);
  must(ledger?.endAt === grant.endAt, 'target and store have one end for it', played, record);
  must(grant.endAt >= (record.claimedEndAt ?? Infinity), 'its end never moved back', played, record);
  must((ledger?.revokedAt ?? Infinity) <= grant.endAt + 30_000, 'nothing outlives its end (I2)', played, record);
  must(grant.verifiedAt !== null, 'and there is evidence of it', played, record);
  return grant;
}

/** The holder's "I'm done" against somebody else's "End now". */
const releaseAgainstRevoke: Kind = {
  times: 90,
  ways: ['released', 'revoked'],
  async play(arena, plan) {
    const { requestId, before } = await held(arena, plan, 10 * minuteMs);
    const { company } = arena;
    const answers = await atOnce(arena, plan, requestId, [
      (use) => use.release({ requestId, person: company.id(plan.requester) }),
      (use) => use.revoke({ requestId, person: company.id('carl') }),
    ]);
    return { requestId, answers, before };
  },
  judge(played, record) {
    endedOnce(played, record);
    must(
      played.answers.every((answer) => !isRefusal(answer)),
      'neither is refused what both want',
      played,
      record,
    );
    must(new Set(record.intents).size === record.intents.length, 'each asked for its end once', played, record);
    must(record.outcome === 'released' || record.outcome === 'revoked', 'one of both was first', played, record);
    const asked = record.outcome === 'released' ? 'released' : 'revoked';
    must(record.intents.includes(asked), 'and it is one that was asked for', played, record);
    return asked;
  },
};

const spanMs = 9_000;
const byMs = 3_000;

/** The holder asks for longer some moments before, or just after, the end; in one of three twice at once, with one key or two. */
const extendAgainstExpire: Kind = {
  times: 90,
  waits: true,
  ways: ['extended', 'expired'],
  async play(arena, plan) {
    const { requestId, endAt, before } = await held(arena, plan, spanMs);
    const mine = { requestId, person: arena.company.id(plan.requester), byMs };
    await until(endAt + aroundMs(plan.variant));
    const calls = plan.number % 3 === 1 ? ['one', plan.number % 2 === 0 ? 'one' : 'other'] : ['one'];
    const answers = await atOnce(
      arena,
      plan,
      requestId,
      calls.map((key) => (use) => use.extend({ ...mine, key })),
    );
    return { requestId, answers, before };
  },
  judge(played, record) {
    const grant = endedOnce(played, record);
    if (!grant) return 'never held';
    const { endAt, startedAt } = grant;
    must(record.outcome === 'expired', 'time ended it', played, record);
    must((startedAt ?? 0) >= endAt, 'and not before its end', played, record);
    must((record.ledger?.revokedAt ?? 0) >= endAt, 'nor on the target', played, record);
    const made = record.extensions.filter(({ outcome }) => outcome === 'extended');
    must(
      record.extensions.every(({ outcome }) => outcome !== null),
      'every extension has its answer',
      played,
      record,
    );
    must(made.length <= 1 && times(record, 'extension.made') === made.length, 'it moved once at most', played, record);
    must(endAt === (made[0]?.endAt ?? record.claimedEndAt), 'to where it was asked', played, record);
    for (const answer of played.answers) {
      if (isRefusal(answer)) must(['NotPending', 'PolicyDenied'].includes(answer.code), 'told why', played, record);
      else must((answer as Extended).endAt === record.claimedEndAt! + byMs, 'told to when', played, record);
    }
    if (made.length === 1) return 'extended';
    return played.answers.some((answer) => codeOf(answer) === 'ok') ? 'expired on its way' : 'expired';
  },
};

export const heldRaces = {
  'release against revoke': releaseAgainstRevoke,
  'extend against expire': extendAgainstExpire,
} as const;
