/** Nothing is held for longer, or in other hours, than the policy gives it, and no extension goes twice by one word. */
import { describe, expect, test } from 'vitest';
import { claimAccepted } from '../domain/events/grant.ts';
import { requestOpened } from '../domain/events/request.ts';
import type { CredentialId, ExtensionId, RequestId, RoleName, TargetName } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import { hourMs, minuteMs } from '../domain/time.ts';
import { digestOf, extensionDigestOf, policyHash } from '../policy/digest.ts';
import { parsePolicy, type LoadedPolicy } from '../policy/parse.ts';
import { planFor } from '../policy/plan.ts';
import { people, policy, policyText, SampleLog, uuid } from './support/evidence.ts';
import { held, verdictOn, wrongIn } from './support/verified.ts';

describe('what is given in certain hours only', () => {
  const maintainers = [people.owner, people.other].map((one): PersonFacts => ({
    ...one,
    groups: ['model-maintainers'],
  }));
  const durationMs = hourMs;
  const endOfHours = Date.parse('2026-03-02T17:00:00Z');

  /** Two approve, before 16:00 in Berlin on a Monday. @returns what the claim says besides its instants */
  function approved(log: SampleLog) {
    const id = uuid(0x1999) as RequestId;
    log.at = Date.parse('2026-03-02T14:30:00Z');
    const target = 'models-prod' as TargetName;
    const role = 'maintain' as RoleName;
    const asked = { target, role, durationMs, ticket: null, startAt: null };
    const ask = { kind: 'access', requester: people.requester, ...asked } as const;
    const { plan, gives } = planFor(policy, ask, maintainers, log.at);
    if (plan.verdict === 'denied' || !gives) throw new Error(`the sample policy denies it: ${JSON.stringify(plan)}`);
    const what = { ...asked, databases: gives.databases, template: gives.template, reason: '0'.repeat(64) };
    const requester = people.requester.id;
    const digest = digestOf({ ...what, requestId: id, requester, reasonHash: what.reason, plan });
    const decideByAt = log.at + plan.limits.decideWithinMs;
    const by = { policy: plan.policy, rule: plan.rule, verdict: plan.verdict, plan };
    const facts = { requester: people.requester, people: maintainers };
    log.append(
      requestOpened(requester, id, { kind: 'access', ...what, digest, openedAt: log.at, decideByAt, ...by, facts }),
    );
    for (const maintainer of maintainers) log.decide(id, 'approve', maintainer);
    return { id, credential: uuid(0x2999) as CredentialId, facts: { ...facts, approvers: maintainers } };
  }

  function claimed(at: string, endAt: (acceptedAt: number) => number) {
    const log = new SampleLog();
    log.applyPolicy();
    const { id, credential, facts } = approved(log);
    log.at = Date.parse(at);
    const by = {
      ticketKey: 'k1',
      policy: policy.hash,
      facts: { requester: facts.requester, approvers: facts.approvers },
    };
    const body = { credential, acceptedAt: log.at, endAt: endAt(log.at), ...by };
    log.append(claimAccepted(people.requester.id, id, body));
    return verdictOn(log);
  }

  test('may be held until they close', async () => {
    expect(wrongIn(await claimed('2026-03-02T16:30:00Z', () => endOfHours))).toEqual([]);
  });

  test('may not be held beyond them', async () => {
    expect(wrongIn(await claimed('2026-03-02T16:30:00Z', (at) => at + durationMs))).toEqual([
      '3: It lasts beyond the hours in which the policy gives this.',
    ]);
  });

  test('may not be claimed outside of them', async () => {
    expect(wrongIn(await claimed('2026-03-02T17:30:00Z', (at) => at + durationMs))).toEqual([
      '3: The policy gives this in certain hours only, and it was none of them.',
    ]);
  });
});

type Asking = {
  readonly number?: number;
  /** Others than these two are what nobody writes. */
  readonly kind?: string;
  /** Of whom the facts are. */
  readonly of?: PersonFacts;
  readonly forMs?: number;
  readonly by?: LoadedPolicy;
  readonly extension?: ExtensionId;
};

/** @returns the place of its asking */
function longer(log: SampleLog, id: RequestId, fromAt: number, asking: Asking = {}) {
  const { number = 1, kind = 'automatic', forMs = 30 * minuteMs, by = policy, of = people.requester } = asking;
  const { extension = uuid(0x7000 + number) as ExtensionId } = asking;
  const opened = log.opened(id);
  const facts = { requester: of, people: [people.owner, people.other] };
  const { target, role, durationMs, ticket } = opened;
  const ask = { kind: 'access', requester: of, target, role, ticket, startAt: null } as const;
  const judgedMs = Math.max(durationMs, forMs);
  const { plan } = planFor(by, { ...ask, durationMs: judgedMs }, facts.people, log.at);
  const endAt = fromAt + forMs;
  const said = { extension, number, kind, fromAt, endAt, askedAt: log.at, judgedMs, reason: null, plan, facts };
  const digest = extensionDigestOf({
    extensionId: extension,
    request: opened.digest,
    endAt,
    reasonHash: null,
    plan,
  });
  const actor = people.requester.id;
  const index = log.append({ kind: 'extension.asked', actor, subject: id, body: { ...said, digest } });
  return { index, endAt, extension, number, fromAt };
}

/** As older entries are, of which no receipt was kept. */
function settle(log: SampleLog, id: RequestId, kind: 'made' | 'failed', said: object): number {
  const body = { ...said, ...(kind === 'made' && { evidence: '0'.repeat(64) }) };
  return log.append({ kind: `extension.${kind}`, actor: people.requester.id, subject: id, body }, 'curfew_worker');
}

function done(log: SampleLog, id: RequestId, endAt: number) {
  log.at = endAt;
  log.end(id);
  return verdictOn(log);
}

describe('a later end that nobody has to approve', () => {
  test('holds once, and once more where nothing came of the first', async () => {
    const { log, id, endAt } = held();
    const first = longer(log, id, endAt);
    settle(log, id, 'failed', { ...first, cause: 'refused' });
    const second = longer(log, id, endAt, { number: 2 });
    settle(log, id, 'made', second);
    expect(wrongIn(await done(log, id, second.endAt))).toEqual([]);
  });

  test('does not come to nothing once it was made, and so does not give the next one its turn', async () => {
    const { log, id, endAt } = held();
    const first = longer(log, id, endAt);
    settle(log, id, 'made', first);
    const lie = settle(log, id, 'failed', { ...first, cause: 'refused' });
    const second = longer(log, id, first.endAt, { number: 2 });
    settle(log, id, 'made', second);
    const [, legal, judged] = (await done(log, id, second.endAt)).checks;
    expect(legal?.first).toMatchObject([{ index: lie, why: 'It was said before what came of this extension.' }]);
    expect(judged?.first).toMatchObject([
      { index: second.index, why: "Only 1 go by themselves, and this one took nobody's word." },
    ]);
  });

  test('does not go again under the name of the one that went', async () => {
    const { log, id, endAt } = held();
    const first = longer(log, id, endAt);
    settle(log, id, 'made', first);
    const { extension } = first;
    const again = longer(log, id, first.endAt, { extension });
    settle(log, id, 'made', again);
    const verdict = await done(log, id, again.endAt);
    expect(verdict.checks[1]?.first[0]).toMatchObject({
      index: again.index,
      why: 'This extension was asked for before.',
    });
  });

  test.each(['by word of nobody', 'Automatic', ''])('is one that says so, and not one that says "%s"', async (kind) => {
    const { log, id, endAt } = held();
    const asked = longer(log, id, endAt, { kind });
    settle(log, id, 'made', asked);
    expect(wrongIn(await done(log, id, asked.endAt))).toEqual([
      '5: It was made with 0 of 1 approvals for "data owners".',
    ]);
  });

  test('is planned by what was known of whoever asks, and not of somebody else', async () => {
    const { log, id, endAt } = held();
    const asked = longer(log, id, endAt, { of: { ...people.requester, id: people.other.id } });
    settle(log, id, 'made', asked);
    expect(wrongIn(await done(log, id, asked.endAt))).toEqual(['3: The facts are of somebody else than who asked.']);
  });

  test('ends with the time for which the role may be held', async () => {
    const { log, id, endAt } = held();
    const first = longer(log, id, endAt, { forMs: 4 * hourMs });
    settle(log, id, 'made', first);
    const second = longer(log, id, first.endAt, { number: 2, kind: 'asked', forMs: 3 * hourMs });
    expect(wrongIn(await verdictOn(log))).toEqual([]);
    settle(log, id, 'failed', second);
    const third = longer(log, id, first.endAt, { number: 3, kind: 'asked', forMs: 4 * hourMs });
    const { first: found = [] } = (await verdictOn(log)).checks[2] ?? {};
    expect(found).toMatchObject([{ index: third.index, why: 'It lasts longer than this role may be held.' }]);
  });

  test('is none where the policy has come to ask for more people', async () => {
    const { log, id, endAt } = held();
    const text = policyText.replace('[group:data-owners], need: 1', '[group:data-owners], need: 2');
    const parsed = parsePolicy(text);
    if (!parsed.ok || text === policyText) throw new Error('no policy');
    const body = { number: 2, hash: policyHash(text), proposal: '' };
    log.append({ kind: 'policy.applied', actor: 'curfew_admin', subject: body.hash, body });
    const asked = longer(log, id, endAt, { by: parsed.policy });
    settle(log, id, 'made', asked);
    log.at = asked.endAt;
    log.end(id);
    const policies = [policyText, text].map((one) => ({ hash: policyHash(one), text: one }));
    expect(wrongIn(await verdictOn({ ...log.written(), policies }))).toContain(
      '3: The policy asked for more people by then, and it took nobody’s word.',
    );
  });

  test('is none where the policy gives something else by then', async () => {
    const { log, id, endAt } = held();
    const index = log.lines.findIndex((line) => line.includes('"request.opened"'));
    const lie = String(log.lines[index]).replace('"template":"', '"template":"other_');
    log.lines[index] = Buffer.from(lie);
    const asked = longer(log, id, endAt);
    const found = (await done(log, id, asked.endAt)).checks[2]?.first.find((one) => one.index === asked.index);
    expect(found?.why).toBe('The policy gives something else under this name.');
  });
});

test('a word that became void does not count again under its own name (I6)', async () => {
  const log = new SampleLog();
  log.applyPolicy();
  const { id } = log.ask();
  const first = log.decide(id);
  const { decision } = (JSON.parse(String(log.lines[first])) as { body: { decision: string } }).body;
  log.append(
    { kind: 'decision.voided', actor: 'curfew_directory', subject: id, body: { decision, cause: 'left' } },
    'curfew_directory',
  );
  const again = log.decide(id);
  log.claim(id);
  const verdict = await verdictOn(log);
  expect(verdict.checks[1]?.first[0]).toMatchObject({ index: again, why: 'This word was given before.' });
});
