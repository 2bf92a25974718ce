/**
 * Part of check 3: the policy was changed by whom it let change it. Each word on a proposed one is judged again by the one
 * that held, and none came to hold without the words that it took (`curfew.adopt_policy`).
 */
import type { PolicyBodies } from '../../domain/events/policy.ts';
import type { Digest, PersonId } from '../../domain/ids.ts';
import { sameHuman } from '../../domain/person.ts';
import type { Human } from '../../policy/eligibility.ts';
import { changeStage, judgeChange, nobody } from '../../policy/powers.ts';
import type { LoadedPolicy } from '../../policy/parse.ts';
import type { PlacedEntry } from '../entry-line.ts';
import { textIn } from './case.ts';
import type { InForce } from './in-force.ts';
import { isForeign, type Policies } from './policies.ts';
import type { Tally } from './report.ts';

export type GovernedCheck = {
  /** Every entry, in the order of the log, before `InForce` sees it. */
  see(entry: PlacedEntry): Promise<void> | undefined;
  finish(): void;
};

type Body = PolicyBodies['policy.decided'];
/** `facts`, `by`: what was written before there was so much of it says of whoever gave it no more than who. */
type Word = Omit<Body, 'facts'> & Partial<Pick<Body, 'facts'>> & { readonly by: Human };

/** Of the one process that judges such words; whoever proposes has a login of their own. */
const judging = 'curfew_api';

export function checkGoverned(policies: Policies, inForce: InForce, tally: Tally): GovernedCheck {
  /** Words on each proposal that nothing came of yet. */
  const words = new Map<string, Word[]>();
  let isProposing = false;
  /** Policies that came to hold with so many words fewer than it takes, which stood after a place, unless they were retired. */
  const lacking: {
    readonly entry: PlacedEntry;
    readonly why: string;
    readonly words: number;
    readonly after: number;
  }[] = [];
  const proposedAt = new Map<string, number>();
  let appliedAt = -1;
  /** Entries were retired that stood before this place. */
  let retiredTo = 0;

  /** @returns undefined where there is none, or this version cannot read it; why, where the file lacks it */
  async function read(hash: string | undefined): Promise<LoadedPolicy | string | undefined> {
    const policy = hash === undefined ? undefined : await policies(hash);
    return typeof policy === 'string' && isForeign(policy) ? undefined : policy;
  }

  async function decided(entry: PlacedEntry, held: string | undefined): Promise<void> {
    const body = entry.body as unknown as Word;
    const word = { ...body, by: body.facts?.person ?? { id: entry.actor as PersonId, aliases: [] } };
    const before = words.get(word.proposal) ?? [];
    words.set(word.proposal, [...before, word]);
    const policy = await read(held);
    const { facts } = word;
    if (policy === undefined || !facts) return tally.count('words on a policy that cannot be judged again');
    tally.count('words on a policy judged again');
    const why = typeof policy === 'string' ? policy : whyNot({ ...word, facts }, before, policy);
    if (why !== undefined) tally.bad(entry, why);
    if (facts.person.id !== entry.actor || word.proposal !== entry.subject)
      tally.bad(entry, 'The facts are of another word than this.');
  }

  async function applied(entry: PlacedEntry, held: string | undefined): Promise<void> {
    const proposal = textIn(entry, 'proposal');
    const said = words.get(proposal) ?? [];
    // What is proposed is so in place of what holds: nobody has spoken of it before that did, or before it was proposed.
    const after = Math.max(appliedAt, proposedAt.get(proposal) ?? -1);
    appliedAt = entry.index;
    words.delete(proposal);
    proposedAt.delete(proposal);
    const isFirst = !isProposing;
    isProposing ||= proposal !== '';
    // The first of all needs nobody else; and what is from before there were proposals says nothing of any.
    if (held === undefined || !isProposing) return;
    if (entry.login === judging) {
      const have = humansOf(said.filter(({ verdict, hash }) => verdict === 'approve' && hash === entry.subject)).length;
      const need = said.some(({ proposer }) => proposer === null) ? 2 : 1;
      const why = `It holds by the word of ${have} people, and it takes ${need}.`;
      if (have < need) lacking.push({ entry, why, words: need - have, after });
      return;
    }
    // What held before the first that was proposed was one person's to change, whatever its text does not say of that.
    if (isFirst) return;
    const policy = await read(held);
    if (typeof policy === 'string') tally.bad(entry, policy);
    else if (policy && !policy.onePersonChanges)
      tally.bad(entry, 'It holds by one person’s word, and the policy before it takes two.');
  }

  return {
    see(entry) {
      const held = inForce.now();
      if (entry.kind === 'log.retired') retiredTo = Math.max(retiredTo, retiredBy(entry));
      if (entry.kind === 'policy.proposed') proposedAt.set(textIn(entry, 'proposal'), entry.index);
      if (entry.kind === 'policy.decided') return decided(entry, held);
      return entry.kind === 'policy.applied' ? applied(entry, held) : undefined;
    },
    finish() {
      for (const { entry, why, words: missing, after } of lacking)
        if (Math.min(retiredTo, entry.index) - after - 1 < missing) tally.bad(entry, why);
    },
  };
}

/** Before which place those stood that it says were retired: none that came after it. */
function retiredBy({ index, body }: PlacedEntry): number {
  const to = Number(body['to']);
  return Number.isSafeInteger(to) ? Math.min(to, index) : 0;
}

function whyNot(word: Body, before: readonly Word[], policy: LoadedPolicy): string | undefined {
  const { hash, verdict, madeAt, facts, proposer } = word;
  const counted = before.filter((one) => one.verdict === 'approve').map(({ by }) => by);
  const change = { stage: changeStage(policy, 1), proposer: proposer ?? nobody, hash };
  const no = judgeChange(change, { verdict, digest: hash as string as Digest, facts, madeAt }, counted);
  return no && `It does not count: ${no.message}`;
}

/** Those who gave these words, each human once. */
const humansOf = (words: readonly Word[]): readonly Human[] =>
  words.map(({ by }) => by).filter((one, place, all) => !all.slice(0, place).some((other) => sameHuman(other, one)));
