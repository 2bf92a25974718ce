import { sameHuman } from '../../domain/person.ts';
import { isRequester, unmetStages, whyNotCounted } from '../approved.ts';
import { finder, type Check } from '../finding.ts';
import type { DecisionRecord, GrantRecord } from '../records.ts';

const found = finder('I6');

/** No approval of a request that was claimed is the requester's, an alias's or an unfit account's, and N are N people. */
export const approvalsArePeople: Check = ({ records }) =>
  [...records.values()]
    .filter((record) => record.claim !== null)
    .flatMap((record) => [...oneByOne(record), ...together(record)]);

const approvals = (record: GrantRecord): readonly DecisionRecord[] =>
  record.decisions.filter((decision) => decision.verdict === 'approve' && decision.voidedAt === null);

const oneByOne = (record: GrantRecord) =>
  approvals(record).flatMap((decision) => {
    if (isRequester(record, decision.facts.person) || decision.person === record.person) {
      return [found('self', record.id, 'The requester, or an alias, approved it.')];
    }
    const why = whyNotCounted(record, decision);
    return why === undefined ? [] : [found('unfit', record.id, `An approval counts for nothing: ${why}.`)];
  });

function together(record: GrantRecord) {
  const people = approvals(record).map((decision) => decision.facts.person);
  const twice = people.some((one, index) => people.slice(index + 1).some((other) => sameHuman(one, other)));
  // As of the grant: what became void afterwards is another invariant's.
  const unmet = unmetStages(record, record.grant?.grantedAt);
  return [
    ...(twice ? [found('twice', record.id, 'One person approved it twice.')] : []),
    ...(record.grant && unmet.length > 0 && approvals(record).length > 0
      ? [found('too-few', record.id, 'It was granted with fewer people than its plan wants.')]
      : []),
  ];
}
