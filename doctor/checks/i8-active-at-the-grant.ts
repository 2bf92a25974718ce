import type { PersonState } from '../../domain/person.ts';
import { unmetStages } from '../approved.ts';
import { finder, type Check } from '../finding.ts';
import type { Db } from '../../store/pool.ts';

const found = finder('I8');

type Change = { readonly person: string; readonly at: number; readonly state: PersonState };

/** Requester and counted approvers were active when the grant ran, and enough approvals were not void then. */
export const activeAtTheGrant: Check = async ({ store, records }) => {
  const granted = [...records.values()].flatMap((record) =>
    record.grant ? [{ record, at: record.grant.grantedAt }] : [],
  );
  const people = granted.flatMap(({ record }) => [
    record.person,
    ...record.decisions.map((decision) => decision.person),
  ]);
  const stateAt = await historyOf(store, [...new Set(people)]);
  return granted.flatMap(({ record, at }) => {
    const requester = stateAt(record.person, at);
    const approvers = record.decisions.filter(
      (decision) =>
        decision.verdict === 'approve' &&
        decision.madeAt <= at &&
        (decision.voidedAt === null || decision.voidedAt > at),
    );
    const gone = approvers.filter((decision) => (stateAt(decision.person, at) ?? 'active') !== 'active');
    const hadEnough =
      unmetStages({ ...record, decisions: record.decisions.map((one) => ({ ...one, voidedAt: null })) }, at).length ===
      0;
    return [
      ...(requester !== undefined && requester !== 'active'
        ? [found('requester', record.id, `The requester was ${requester} when it was granted.`)]
        : []),
      ...gone.map(() => found('approver', record.id, 'An approver was not active when it was granted.')),
      ...(hadEnough && unmetStages(record, at).length > 0
        ? [found('void', record.id, 'It was granted on approvals that were void.')]
        : []),
    ];
  });
};

/** A person's state at an instant, by the log of changes, else by the directory as it is; undefined: not known. */
async function historyOf(
  store: Db,
  people: readonly string[],
): Promise<(person: string, at: number) => PersonState | undefined> {
  const changes = await store.query<Change>(
    `select subject as person, at, convert_from(body, 'UTF8')::jsonb ->> 'state' as state from audit.entry
     where kind = 'person.changed' and subject = any ($1::text[]) order by id`,
    [people],
  );
  const now = await store.query<Change>(
    'select id::text as person, changed_at as at, state from curfew.person where id = any ($1::uuid[])',
    [people],
  );
  return (person, at) => {
    const last = changes.findLast((change) => change.person === person && change.at <= at);
    return last?.state ?? now.find((row) => row.person === person && row.at <= at)?.state;
  };
}
