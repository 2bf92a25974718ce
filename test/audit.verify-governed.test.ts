/** Which policy held, who changed it, and who said that something stays: by the log's own words and facts. */
import { describe, expect, test } from 'vitest';
import type { Verdict } from '../audit/verify/verify.ts';
import { policyDecided } from '../domain/events/policy.ts';
import { taintAnswered } from '../domain/events/review.ts';
import type { PersonId, PolicyHash, ProposalId, RequestId, TaintId } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import { policyHash } from '../policy/digest.ts';
import { people, policyText, SampleLog, uuid } from './support/evidence.ts';
import { account } from './support/people.ts';
import { verdictOn } from './support/verified.ts';

const wrong = ({ checks }: Verdict) => checks.flatMap(({ first }) => first.map(({ index, why }) => `${index}: ${why}`));
const counts = ({ checks }: Verdict) => checks[2]?.counts;

function sample(): SampleLog {
  const log = new SampleLog();
  log.applyPolicy();
  return log;
}

const nextText = `${policyText}\n# And this line.\n`;
const next = policyHash(nextText);
const both = { policies: [policyText, nextText].map((text) => ({ hash: policyHash(text), text })) };
const proposal = uuid(0x5000) as ProposalId;
const controller = (n: number, change: Partial<PersonFacts> = {}): PersonFacts => ({
  ...people.owner,
  id: uuid(n) as PersonId,
  groups: ['access-controllers'],
  ...change,
});
const [one, other] = [controller(0x51), controller(0x52)];

type Saying = { readonly proposer?: PersonFacts; readonly verdict?: 'approve' | 'deny'; readonly hash?: PolicyHash };
const say = (
  log: SampleLog,
  person: PersonFacts,
  { proposer, verdict = 'approve', hash = next }: Saying = {},
): number =>
  log.append(
    policyDecided(person.id, proposal, {
      proposal,
      hash,
      verdict,
      madeAt: log.at,
      facts: { person, account: account(log.at) },
      proposer: proposer ? { id: proposer.id, aliases: proposer.aliases } : null,
    }),
  );
const adopt = (log: SampleLog, login = 'curfew_api', hash = next): number =>
  log.append({ kind: 'policy.applied', actor: other.id, subject: hash, body: { number: 2, hash, proposal } }, login);
/** Another policy holds, by the words of two. */
function replace(log: SampleLog, hash: PolicyHash): void {
  say(log, one, { hash });
  say(log, other, { hash });
  adopt(log, 'curfew_api', hash);
}

/** In the place of words stands something else, and then it is said that lines were retired up to before a place. */
function without(to: number, instead: (log: SampleLog) => void = (log) => void log.ask()) {
  const log = sample();
  log.ask();
  instead(log);
  const index = adopt(log);
  const body = { before: '2026-03-02T00:00:00.000Z', firstId: 1, lastId: 6, from: 0, to, entries: 6 };
  log.append({ kind: 'log.retired', actor: 'curfew_admin', subject: 'log', body }, 'curfew_admin');
  return {
    few: `${index}: It holds by the word of 0 people, and it takes 1.`,
    written: { ...log.written(), ...both },
  };
}
const proposed = (log: SampleLog): void => {
  const body = { proposal, hash: next, base: policyHash(policyText), changes: 1 };
  log.append({ kind: 'policy.proposed', actor: 'nora', subject: next, body }, 'nora');
};

describe('a policy that takes two', () => {
  test('holds by the words of two, or of one beside a proposer who is known', async () => {
    const log = sample();
    say(log, one);
    say(log, other);
    adopt(log);
    const verdict = await verdictOn({ ...log.written(), ...both });
    expect(wrong(verdict)).toEqual([]);
    expect(counts(verdict)).toMatchObject({ 'words on a policy judged again': 2, 'policies taken into force': 2 });
    const known = sample();
    say(known, other, { proposer: one });
    adopt(known);
    expect(wrong(await verdictOn({ ...known.written(), ...both }))).toEqual([]);
  });

  test.each([
    ['somebody who may not change it', people.owner, /This step is decided by the group access-controllers/],
    ['somebody who had left', controller(0x53, { state: 'left' }), /is left/],
    ['whoever proposed it', one, /asked for this yourself/],
    ['another account of whoever proposed it', controller(0x54, { aliases: [one.id] }), /asked for this yourself/],
  ])('is not changed by the word of %s, which is found', async (_, person, why) => {
    const log = sample();
    const index = say(log, person, { proposer: one });
    expect(wrong(await verdictOn(log.written()))).toEqual([expect.stringMatching(why) as string]);
    expect(wrong(await verdictOn(log.written()))[0]).toContain(`${index}: It does not count`);
  });

  test('may be taken back by whoever proposed it', async () => {
    const log = sample();
    say(log, one, { proposer: one, verdict: 'deny' });
    expect(wrong(await verdictOn(log.written()))).toEqual([]);
  });

  test('does not hold by one word where nobody knows who proposed it, nor by two of one human (I6)', async () => {
    const log = sample();
    say(log, one);
    const index = adopt(log);
    const few = `${index}: It holds by the word of 1 people, and it takes 2.`;
    expect(wrong(await verdictOn({ ...log.written(), ...both }))).toEqual([few]);
    const twice = sample();
    say(twice, one);
    const second = say(twice, controller(0x55, { aliases: [one.id] }));
    const found = wrong(await verdictOn({ ...(adopt(twice), twice.written()), ...both }));
    expect(found).toEqual([
      expect.stringContaining(`${second}: It does not count: You already approved`) as string,
      `${second + 1}: It holds by the word of 1 people, and it takes 2.`,
    ]);
  });

  test('does not hold by an administrator’s word alone', async () => {
    const log = sample();
    const index = adopt(log, 'curfew_admin');
    expect(wrong(await verdictOn({ ...log.written(), ...both }))).toEqual([
      `${index}: It holds by one person’s word, and the policy before it takes two.`,
    ]);
  });

  test('is not asked of the first one that was proposed, after what one person could change (0004)', async () => {
    const log = new SampleLog();
    const body = { number: 1, hash: policyHash(policyText) };
    log.append({ kind: 'policy.applied', actor: 'curfew_admin', subject: body.hash, body });
    adopt(log, 'curfew_admin');
    expect(wrong(await verdictOn({ ...log.written(), ...both }))).toEqual([]);
    const index = adopt(log, 'curfew_admin', policyHash(policyText));
    expect(wrong(await verdictOn({ ...log.written(), ...both }))).toEqual([
      `${index}: It holds by one person’s word, and the policy before it takes two.`,
    ]);
  });

  test('is not blamed for words that were retired', async () => {
    expect(wrong(await verdictOn(without(3).written))).toEqual([]);
  });

  test.each<[string, ReturnType<typeof without>]>([
    ['what came before the policy that it replaces', without(1)],
    ['nobody knows what', without(1.5)],
    ['what came before it was proposed', without(3, proposed)],
  ])('is blamed for words that are missing where the log says that %s was retired', async (_, { few, written }) => {
    expect(wrong(await verdictOn(written))).toEqual([few]);
  });
});

describe('by which policy it was judged', () => {
  test('one that was never in force is found, by the first entry that names it', async () => {
    const log = new SampleLog();
    const { index } = log.ask();
    log.ask();
    expect(wrong(await verdictOn(log.written()))).toEqual([
      `${index}: No entry says that the policy it names was ever in force.`,
    ]);
  });

  test('one that another had taken the place of is found (I7)', async () => {
    const log = sample();
    const { id } = log.ask();
    log.decide(id);
    replace(log, next);
    log.at += 16 * 60_000;
    const index = log.claim(id);
    const { index: later } = log.ask();
    expect(wrong(await verdictOn({ ...log.written(), ...both }))).toEqual([
      expect.stringMatching(`^${index}: Another policy held since 2026-`) as string,
      expect.stringMatching(`^${later}: Another policy held since 2026-`) as string,
    ]);
  });

  test('one whose place another took while somebody was at it, and one that came back, are as they should be', async () => {
    const log = sample();
    replace(log, next);
    const { id } = log.ask();
    log.decide(id);
    log.at += 60 * 60_000;
    replace(log, policyHash(policyText));
    log.at += 60 * 60_000;
    log.claim(id);
    expect(wrong(await verdictOn({ ...log.written(), ...both }))).toEqual([]);
  });

  test('one of which all was retired is told, and nobody is blamed for it', async () => {
    const log = new SampleLog();
    log.ask();
    const body = { before: '2026-03-02T00:00:00.000Z', firstId: 1, lastId: 6, from: 0, to: 6, entries: 6 };
    log.append({ kind: 'log.retired', actor: 'curfew_admin', subject: 'log', body }, 'curfew_admin');
    const verdict = await verdictOn(log.written());
    expect(wrong(verdict)).toEqual([]);
    expect(counts(verdict)).toMatchObject({ 'policies of which it was retired that they held': 1 });
  });
});

const answer = (
  log: SampleLog,
  id: RequestId,
  decision: string,
  person: PersonFacts,
  known: readonly PersonFacts[],
): number =>
  log.append(
    taintAnswered(person.id, id, {
      taint: uuid(0x6000) as TaintId,
      decision,
      verdict: 'keep',
      madeAt: log.at,
      facts: { person, account: account(log.at) },
      requester: { id: people.requester.id, aliases: [] },
      counted: known.map(({ id: of, aliases }) => ({ id: of, aliases })),
    }),
  );

/** Held on the owner's approval; somebody says that it stays. */
function answered(person: PersonFacts, known: readonly PersonFacts[] = [people.owner]) {
  const log = sample();
  const { id } = log.ask();
  const at = log.decide(id);
  log.claim(id);
  log.grant(id);
  const { decision } = (JSON.parse(String(log.lines[at])) as { body: { decision: string } }).body;
  const index = answer(log, id, decision, person, known);
  return { log, index };
}

describe('what rests on the approval of somebody who has left', () => {
  test('stays by the word of another who could have approved it', async () => {
    const { log } = answered(people.other);
    const verdict = await verdictOn(log.written());
    expect(wrong(verdict)).toEqual([]);
    expect(counts(verdict)).toMatchObject({ 'answers judged again': 1 });
  });

  test.each([
    ['whoever holds it', people.requester, [people.owner], /asked for this yourself/],
    ['somebody whom the plan does not name', { ...people.other, groups: ['engineers'] }, [people.owner], /decided by/],
    ['the leaver', people.owner, [people.owner], /already approved/],
    ['the leaver, whom nobody named', people.owner, [], /without all who had approved it/],
  ])('does not stay by the word of %s, which is found (I6)', async (_, person, known, why) => {
    const { log, index } = answered(person, known);
    const found = wrong(await verdictOn(log.written()));
    expect(found).toEqual([expect.stringMatching(why) as string]);
    expect(found[0]).toContain(`${index}: `);
  });

  test('does not stay by a word on the approval of nobody', async () => {
    const log = sample();
    const { id } = log.ask();
    log.decide(id);
    log.claim(id);
    log.grant(id);
    const index = answer(log, id, 'none', people.other, [people.owner]);
    expect(wrong(await verdictOn(log.written()))).toEqual([`${index}: It is about the approval of nobody.`]);
  });
});
