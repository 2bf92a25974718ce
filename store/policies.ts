/** Every policy that ever held, as text. The highest number is the one that holds. */
import type { PolicyHash } from '../domain/ids.ts';
import { append } from './audit.ts';
import type { Db } from './pool.ts';

export type PolicyVersion = {
  readonly number: number;
  readonly hash: PolicyHash;
  readonly text: string;
  /** The login that applied it. */
  readonly appliedBy: string;
  readonly appliedAt: number;
};

const columns = 'number, hash, text, applied_by as "appliedBy", applied_at as "appliedAt"';

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

/** The one that held before the one of this number; undefined where that was the first. */
export async function before(db: Db, number: number): Promise<PolicyVersion | undefined> {
  const [row] = await db.query<PolicyVersion>(
    `select ${columns} from curfew.policy_version where number < $1 order by number desc limit 1`,
    [number],
  );
  return row;
}

/**
 * Makes a policy the one that holds, with its entry `policy.applied`; admin only. Its text was linted by the caller.
 * @param policy `hash` is the SHA-256 of the text, as hex: the table checks it
 * @param actor a person's id or a login's name
 * @returns `same` where it holds already
 */
export async function apply(
  tx: Db,
  { hash, text }: { readonly hash: PolicyHash; readonly text: string },
  actor: string,
): Promise<{ readonly number: number; readonly kind: 'applied' | 'same' }> {
  await tx.query(`select pg_advisory_xact_lock(hashtextextended('curfew.policy_version', 0))`);
  const held = await current(tx);
  if (held?.hash === hash) return { number: held.number, kind: 'same' };
  const [made] = await tx.query<{ number: number }>(
    'insert into curfew.policy_version (hash, text) values ($1, $2) returning number',
    [hash, text],
  );
  if (!made) throw new Error('a policy version without a number');
  const body = { number: made.number, hash, before: held?.hash ?? null };
  await append(tx, { kind: 'policy.applied', actor, subject: hash, body });
  return { number: made.number, kind: 'applied' };
}
