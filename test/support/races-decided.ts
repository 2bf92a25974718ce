/** Races before a grant: approvals against each other, a withdrawal, a denial, and the lapse. */
import { isRefusal } from '../../domain/errors.ts';
import { hourMs } from '../../domain/time.ts';
import type { UseCases } from '../../service/contract.ts';
import type { Arena } from './arena.ts';
import { ok, verifier } from './company.ts';
import { until } from './eventually.ts';
import {
  onePerson,
  severalPeople,
  atOnce,
  codeOf,
  live,
  must,
  mustBeTold,
  opened,
  says,
  times,
  type Kind,
  type Plan,
  type Played,
} from './races.ts';
import type { RaceRecord } from './race-records.ts';

const isOpenFor = (record: RaceRecord): boolean => record.state.kind === 'awaiting';

/** In one of three the requester claims what was approved just now, against their own withdrawal. */
const againstWithdraw: Kind = {
  times: 200,
  ways: ['approved, then withdrawn', 'withdrawn first', 'claimed, then withdrawn'],
  async play(arena, plan) {
    const of = await opened(arena, plan);
    const mine = { requestId: of.requestId, person: arena.company.id(plan.requester) };
    if (plan.variant > 1 / 3) {
      const calls = [says(arena, of, 'olga'), (use: UseCases) => use.withdraw(mine)];
      return { requestId: of.requestId, answers: await atOnce(arena, plan, of.requestId, calls) };
    }
    const approval = await says(arena, of, 'olga')(arena.use[plan.apis[2]]);
    const minted = isRefusal(approval) ? approval : await arena.use.prompt.mintCode(mine);
    // A claim takes longer than a withdrawal.
    const ahead: Plan = { ...plan, delaysMs: [0, plan.delaysMs[1] * 4, plan.delaysMs[2]] };
    const rest = await atOnce(arena, ahead, of.requestId, [
      async (use) => {
        if (isRefusal(minted)) return minted;
        return use.claim({ code: minted.code, verifier: oneVerifier, address: '192.0.2.7' });
      },
      (use) => use.withdraw(mine),
    ]);
    return { requestId: of.requestId, answers: [approval, rest[1], rest[0]] };
  },
  judge(played, record) {
    const [approval, withdrawal] = played.answers;
    must(!isRefusal(withdrawal), 'nobody keeps a requester from withdrawing', played, record);
    must(record.state.kind === 'closed', 'it is closed', played, record);
    must(record.intents.filter((cause) => cause === 'withdrawn').length === 1, 'its end was asked for', played, record);
    must(record.ledger?.canLogin !== true, 'nothing is held', played, record);
    if (record.claimedEndAt !== null) {
      must(endsOfAClaim.includes(record.outcome ?? ''), 'it ended by its requester', played, record);
      must(record.ledger?.state === 'revoked', 'what was claimed is buried', played, record);
      return 'claimed, then withdrawn';
    }
    must(record.outcome === 'withdrawn', 'it was withdrawn', played, record);
    if (live(record).length === 1) {
      must(!isRefusal(approval), 'an approval that counts was taken', played, record);
      return 'approved, then withdrawn';
    }
    if (record.decisions.length > 0) return 'approval taken back';
    mustBeTold(played, record, 0);
    return 'withdrawn first';
  },
};

const oneVerifier = verifier();
/** `failed`: the grant met the revoke intent in the store before the withdrawal met the Workflow. */
const endsOfAClaim: readonly string[] = ['withdrawn', 'released', 'revoked', 'failed'];

/** Two for one seat; in one of three, three for two. */
const twoPeople: Kind = {
  times: 20,
  ways: ['first', 'second', 'two of three'],
  async play(arena, plan) {
    return approvedByTwo(arena, plan, plan.variant < 1 / 3 ? 'write' : 'read');
  },
  judge(played, record) {
    const seats = played.answers.length - 1;
    must(live(record).length === seats, 'as many as there are seats', played, record);
    must(record.decisions.length === seats, 'and no more was ever recorded', played, record);
    const winners = played.answers.flatMap((answer, index) => (isRefusal(answer) ? [] : [index]));
    must(winners.length === seats, 'exactly so many were told that they count', played, record);
    played.answers.forEach((answer, index) => isRefusal(answer) && mustBeTold(played, record, index));
    must(times(record, 'decision.refused') === 1, 'one refusal', played, record);
    must(!isOpenFor(record), 'it is approved', played, record);
    if (seats === 2) return 'two of three';
    return winners[0] === 0 ? 'first' : 'second';
  },
};

/** A request that more people approved at once than it takes. */
export async function approvedByTwo(
  arena: Arena,
  plan: Plan,
  role: 'read' | 'write',
  durationMs = hourMs,
): Promise<Played> {
  const of = await opened(arena, plan, { role, durationMs });
  const people = role === 'write' ? (['olga', 'omar', 'otto'] as const) : (['olga', 'omar'] as const);
  const answers = await atOnce(
    arena,
    plan,
    of.requestId,
    people.map((handle) => says(arena, of, handle)),
  );
  return { requestId: of.requestId, answers };
}

/** One person clicks twice, or three times, where two people are needed. Always the first of two races. */
const samePerson: Kind = {
  times: 0,
  ways: ['first', 'second'],
  async play(arena, plan) {
    const of = await opened(arena, plan, { role: 'write' });
    const click = says(arena, of, 'olga');
    const calls = plan.variant < 1 / 3 ? [click, click, click] : [click, click];
    return { requestId: of.requestId, answers: await atOnce(arena, plan, of.requestId, calls) };
  },
  judge(played, record, _plan, { company }) {
    const hers = record.decisions.filter(({ person }) => person === company.id('olga'));
    must(hers.length === 1, 'one decision', played, record);
    // Of a process that died it may come after somebody else's denial: then it never counted.
    must(hers[0]?.voided === false || record.outcome === 'denied', 'which counts', played, record);
    const told = played.answers.map((answer) =>
      isRefusal(answer) ? answer.code : (answer as { decided: string }).decided,
    );
    must(told.filter((one) => one === 'recorded').length === 1, 'one click made it', played, record);
    must(
      told.every((one) => one === 'recorded' || one === 'repeated'),
      'the others are the same',
      played,
      record,
    );
    return told[0] === 'recorded' ? 'first' : 'second';
  },
};

/** Where one approval is there and one is missing: two people, or in one of three one person who says both. */
const againstDeny: Kind = {
  times: 150,
  ways: ['approved', 'denied'],
  async play(arena, plan) {
    const first = await samePerson.play(arena, plan);
    const { requestId } = first;
    const of = { requestId, digest: await arena.digestOf(requestId) };
    const answers = await atOnce(arena, { ...plan, delaysMs: [plan.delaysMs[1], plan.delaysMs[2], 0] }, requestId, [
      says(arena, of, 'omar'),
      says(arena, of, plan.variant < 1 / 3 ? 'omar' : 'otto', 'deny'),
    ]);
    return { requestId, answers, before: { name: onePerson, played: first } };
  },
  judge(played, record, _plan, { company }) {
    const theirs = record.decisions.filter(({ person }) => person !== company.id('olga'));
    must(theirs.length === 1 && theirs[0]?.voided === false, 'one of both counts', played, record);
    const denied = theirs[0]?.verdict === 'deny';
    must(!isRefusal(played.answers[denied ? 1 : 0]), 'whose word counts was told so', played, record);
    mustBeTold(played, record, denied ? 0 : 1);
    must(record.outcome === (denied ? 'denied' : null), 'the outcome is the word', played, record);
    must(record.state.kind === (denied ? 'closed' : 'approved'), 'and so is the state', played, record);
    return denied ? 'denied' : 'approved';
  },
};

/** How long the rule for `models-prod` leaves for a decision, ms. */
export const decideWithinMs = 5_000;

/**
 * Some moments from the end of something: half of them clearly before it, half within some tenths of a second of it, on
 * either side. A busy machine needs the first half for anybody to be in time.
 */
export const aroundMs = (variant: number): number =>
  variant < 0.5 ? -5_000 + variant * 9_000 : -500 + (variant - 0.5) * 1_600;

/** The click comes around the lapse. */
const againstLapse: Kind = {
  times: 120,
  waits: true,
  ways: ['approved', 'lapsed'],
  async play(arena, plan) {
    const of = await opened(arena, plan, { target: 'models-prod' });
    const { view } = ok(await arena.use.prompt.status({ requestId: of.requestId }));
    await until(view.decideByAt + aroundMs(plan.variant));
    return { requestId: of.requestId, answers: await atOnce(arena, plan, of.requestId, [says(arena, of, 'olga')]) };
  },
  judge(played, record) {
    const [answer] = played.answers;
    if (record.state.kind === 'approved') {
      must(live(record).length === 1, 'by its approval', played, record);
      must(codeOf(answer) === 'ok', 'which was told so', played, record);
      return 'approved';
    }
    must(record.outcome === 'lapsed', 'it lapsed', played, record);
    must(live(record).length === 0, 'and no approval counts', played, record);
    if (record.decisions.length > 0) return 'approval taken back';
    mustBeTold(played, record, 0);
    return 'lapsed';
  },
};

export const decidedRaces = {
  'approve against withdraw': againstWithdraw,
  [severalPeople]: twoPeople,
  [onePerson]: samePerson,
  'approve against deny': againstDeny,
  'approve against lapse': againstLapse,
} as const;
