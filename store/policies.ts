/** Every policy that ever held, as text. The highest number is the one that holds. */
import { randomUUID } from 'node:crypto';
import { policyApplied, policyProposed } from '../domain/events/policy.ts';
import type { PolicyHash, ProposalId } from '../domain/ids.ts';
import { append } from './audit.ts';
import type { Db } from './pool.ts';
import { takePolicyTurn } from './proposals.ts';

export type PolicyVersion = {
  readonly number: number;
  readonly hash: PolicyHash;
  readonly text: string;
  /** The login that applied it. */
  readonly appliedBy: string;
  readonly appliedAt: number;
  /** May one person put another in its place? As its text says; true for what is older than proposals. */
  readonly onePerson: boolean;
};

const columns = `number, hash, text, applied_by as "appliedBy", applied_at as "appliedAt", one_person as "onePerson"`;

/** The policy that holds; undefined before the first (then nothing may be granted, I18). */
export async function current(db: Db): Promise<PolicyVersion | undefined> {
  const [row] = await db.query<PolicyVersion>(
    `select ${columns} from curfew.policy_version order by number desc limit 1`,
  );
  return row;
}

/** The number and hash of the policy that holds, without its text: cheap enough to ask before each judgement. */
export async function currentHash(db: Db): Promise<PolicyHash | undefined> {
  const [row] = await db.query<{ hash: PolicyHash }>(
    'select hash from curfew.policy_version order by number desc limit 1',
  );
  return row?.hash;
}

export async function byHash(db: Db, hash: PolicyHash): Promise<PolicyVersion | undefined> {
  const [row] = await db.query<PolicyVersion>(
    `select ${columns} from curfew.policy_version where hash = $1 order by number desc limit 1`,
    [hash],
  );
  return row;
}

/** The hashes of all that ever held, and the ids of their proposals: what their entries are about. */
export const everApplied = async (db: Db): Promise<readonly string[]> =>
  (
    await db.query<{ subject: string }>(
      `select distinct s.subject from curfew.policy_version v
       cross join lateral (values (v.hash), (v.proposal::text)) as s (subject) where s.subject is not null`,
    )
  ).map(({ subject }) => subject);

/** The one that held before the one of this number; undefined where that was the first. */
export async function before(db: Db, number: number): Promise<PolicyVersion | undefined> {
  const [row] = await db.query<PolicyVersion>(
    `select ${columns} from curfew.policy_version where number < $1 order by number desc limit 1`,
    [number],
  );
  return row;
}

/**
 * Proposes a policy, with its entry `policy.proposed`; admin only. Its text was linted by the caller.
 * @param policy `hash` is the SHA-256 of the text, as hex: the table checks it; `onePerson` as its text says;
 *   `changes` what would change for whom, one line each
 */
export async function propose(
  tx: Db,
  { hash, text, onePerson, changes }: NewPolicy,
  actor: string,
): Promise<{ readonly id: ProposalId; readonly base: number | null }> {
  await takePolicyTurn(tx);
  const held = await current(tx);
  const id = randomUUID() as ProposalId;
  await tx.query(
    `insert into curfew.policy_proposal (id, hash, text, base, one_person, changes) values ($1, $2, $3, $4, $5, $6)`,
    [id, hash, text, held?.number ?? null, onePerson, JSON.stringify(changes)],
  );
  const body = { proposal: id, hash, base: held?.hash ?? null, changes: changes.length };
  await append(tx, policyProposed(actor, hash, body));
  return { id, base: held?.number ?? null };
}

export type NewPolicy = {
  readonly hash: PolicyHash;
  readonly text: string;
  readonly onePerson: boolean;
  readonly changes: readonly string[];
};

/**
 * Makes a proposal the policy that holds, with its entry `policy.applied`, where it has its people.
 * @returns the version's number, or undefined where it does not hold yet, or never will
 */
export async function adopt(tx: Db, id: ProposalId, actor: string): Promise<number | undefined> {
  const [made] = await tx.query<{ number: number | null }>('select curfew.adopt_policy($1) as number', [id]);
  if (made?.number == null) return undefined;
  const version = await current(tx);
  const body = { number: made.number, hash: version?.hash ?? null, proposal: id };
  await append(tx, policyApplied(actor, version?.hash ?? '', body));
  return made.number;
}

/**
 * Proposes, and adopts where that takes nobody else: the first version of all, and where the one that holds says that
 * one person may.
 * @param base number of the version that the caller compared with, null for none: where another holds by now, nothing
 *   is proposed; unchecked where absent
 * @returns `same` where it holds already; `proposed` where it waits for others now; `superseded` where `base` is over.
 *   `number` is of the version that holds then, 0 for none
 */
export async function apply(
  tx: Db,
  { hash, text, onePerson = false, changes = [] }: Pick<NewPolicy, 'hash' | 'text'> & Partial<NewPolicy>,
  actor: string,
  base?: number | null,
): Promise<Applied> {
  await takePolicyTurn(tx);
  const held = await current(tx);
  const number = held?.number ?? 0;
  if (held?.hash === hash) return { number, kind: 'same' };
  if (base !== undefined && base !== (held?.number ?? null)) return { number, kind: 'superseded' };
  const { id } = await propose(tx, { hash, text, onePerson, changes }, actor);
  const made = await adopt(tx, id, actor);
  return made === undefined
    ? { number, kind: 'proposed', proposal: id }
    : { number: made, kind: 'applied', proposal: id };
}

export type Applied = {
  readonly number: number;
  readonly kind: 'applied' | 'same' | 'proposed' | 'superseded';
  readonly proposal?: ProposalId;
};
