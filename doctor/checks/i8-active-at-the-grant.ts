import type { PersonState } from '../../domain/person.ts';
import { asJudged, crossedWithinMs, questionOf, unmetStages, words, type Question } from '../approved.ts';
import { finder, type Check } from '../finding.ts';
import type { Db } from '../../store/pool.ts';
import type { GrantRecord } from '../records.ts';

const found = finder('I8');

type Change = { readonly person: string; readonly at: number; readonly state: PersonState };

/**
 * When a grant or an extension was made, the requester and everybody who counted (those in whose place somebody decided
 * included) were active, and enough approvals were not void.
 */
export const activeAtTheGrant: Check = async ({ store, records }) => {
  const made = [...records.values()].flatMap(momentsOf);
  const people = made.flatMap(({ question, at }) => [
    question.person,
    ...words(question, at).flatMap(({ decision, humans }) => [decision.person, ...humans.map(({ id }) => id)]),
  ]);
  const stateAt = await historyOf(store, [...new Set(people)]);
  // NB. Leaving takes a moment to be committed, and a grant that was judged in it is ended by the leaving itself (I9).
  const wasActive = (id: string, at: number): boolean =>
    [at, at - crossedWithinMs].some((instant) => (stateAt(id, instant) ?? 'active') === 'active');
  return made.flatMap(({ subject, question, judged = question, at }) => {
    const requester = stateAt(question.person, at);
    const sat = words(question, at).map(({ decision, humans }) => [decision.person, ...humans.map(({ id }) => id)]);
    const gone = sat.filter((ids) => ids.some((id) => !wasActive(id, at)));
    const unvoided = question.decisions.map((one) => ({ ...one, voidedAt: null }));
    const hadEnough = unmetStages({ ...question, decisions: unvoided }, at).length === 0;
    return [
      ...(requester !== undefined && requester !== 'active' && !wasActive(question.person, at)
        ? [found('requester', subject, `The requester was ${requester} when it was made.`)]
        : []),
      ...gone.map(() => found('approver', subject, 'An approver was not active when it was made.')),
      ...(hadEnough && unmetStages(judged, at).length > 0
        ? [found('void', subject, 'It was made on approvals that were void.')]
        : []),
    ];
  });
};

type Moment = {
  readonly subject: string;
  readonly question: Question;
  /** The same as it was judged. */
  readonly judged?: Question;
  readonly at: number;
};

const momentsOf = (record: GrantRecord): readonly Moment[] => [
  ...(record.grant
    ? [{ subject: record.id, question: record, judged: asJudged(record), at: record.grant.grantedAt }]
    : []),
  ...record.extensions.flatMap((extension) =>
    extension.outcome === 'extended' && extension.outcomeAt !== null
      ? [{ subject: record.id, question: questionOf(record, extension), at: extension.outcomeAt }]
      : [],
  ),
];

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
