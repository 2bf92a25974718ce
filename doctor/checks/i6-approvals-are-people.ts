import { asJudged, questionOf, unmetStages, words, type Question } from '../approved.ts';
import { finder, type Check } from '../finding.ts';
import type { GrantRecord } from '../records.ts';

const found = finder('I6');

/**
 * No approval of a request that was claimed, or of an extension, is the requester's, an alias's, their delegate's or an
 * unfit account's; and N are N people, whoever stands in for whom.
 */
export const approvalsArePeople: Check = ({ records }) =>
  [...records.values()].flatMap((record) => [...ofRequest(record), ...record.extensions.flatMap(ofExtension(record))]);

// As of the grant or the extension: what became void afterwards is another invariant's.
const ofRequest = (record: GrantRecord) =>
  record.claim
    ? [...oneByOne(record, record.id), ...together(asJudged(record), record.id, record.grant?.grantedAt)]
    : [];

const ofExtension = (record: GrantRecord) => (extension: GrantRecord['extensions'][number]) => {
  const question = questionOf(record, extension);
  const moved = extension.outcome === 'extended' ? (extension.outcomeAt ?? undefined) : undefined;
  return [...oneByOne(question, record.id), ...together(question, record.id, moved)];
};

const oneByOne = (question: Question, subject: string) =>
  words(question).flatMap(({ no }) =>
    no ? [found(no.code, subject, `An approval counts for nothing: ${no.why}.`)] : [],
  );

function together(question: Question, subject: string, madeAt: number | undefined) {
  const some = question.decisions.some(({ verdict, voidedAt }) => verdict === 'approve' && voidedAt === null);
  return madeAt !== undefined && some && unmetStages(question, madeAt).length > 0
    ? [found('too-few', subject, 'It was made with fewer people than its plan wants.')]
    : [];
}
