import { approvedEndOf, mayBeExtended } from '../approved.ts';
import { finder, type Check } from '../finding.ts';
import type { GrantRecord } from '../records.ts';
import type { LedgerRow } from '../target-facts.ts';

const found = finder('I7');
/** A target registers its templates this much above the policy, since the caller's clock names the end. */
const marginMs = 5_000;

/** What was approved is what was granted: digest, policy, target, template, person and time. */
export const grantedAsShown: Check = ({ targets, records }) => {
  const rows = new Map(
    targets.flatMap((target) => target.ledger.map((row) => [row.grantId, { row, target }] as const)),
  );
  return [...records.values()].flatMap((record) => {
    const granted = rows.get(record.id);
    return [
      ...record.decisions
        .filter((decision) => decision.digest !== record.digest)
        .map(() => found('digest', record.id, 'A decision is on something else than what the request says.')),
      ...extensionFaults(record).map((what) => found('extension', record.id, what)),
      ...(record.plan.policy === record.policyHash
        ? []
        : [found('policy', record.id, 'Its plan is of another policy than it names.')]),
      ...differences(record, record.grant ?? undefined).map((what) =>
        found('record', record.id, `It was recorded with another ${what}.`),
      ),
      ...(granted && granted.row.roleOid !== null
        ? ledgerDifferences(record, granted.row, granted.target.targets).map((what) =>
            found('target', record.id, `It was granted with another ${what}.`),
          )
        : []),
      ...(record.claim && record.claim.endAt > record.claim.acceptedAt + record.durationMs + marginMs
        ? [found('longer', record.id, 'It was claimed for longer than was approved.')]
        : []),
    ];
  });
};

const differences = (record: GrantRecord, grant: NonNullable<GrantRecord['grant']> | undefined): readonly string[] =>
  grant
    ? [
        ...(grant.target === record.target ? [] : ['target']),
        ...(grant.template === record.template ? [] : ['template']),
        ...(grant.person === record.person ? [] : ['person']),
      ]
    : [];

const ledgerDifferences = (record: GrantRecord, row: LedgerRow, targets: readonly string[]): readonly string[] => [
  ...(targets.includes(record.target) ? [] : ['cluster']),
  ...(row.template === null || row.template === record.template ? [] : ['template']),
  ...(row.person === null || row.person === record.person ? [] : ['person']),
  ...(row.endAt !== null && row.endAt > (approvedEndOf(record) ?? Infinity) ? ['end'] : []),
];

/** A decision on another extension than it was shown, an end that moved without a yes, one that no extension names. */
function extensionFaults(record: GrantRecord): readonly string[] {
  const { claim, grant, extensions } = record;
  const known = [claim?.endAt, ...extensions.filter(({ outcome }) => outcome === 'extended').map(({ endAt }) => endAt)];
  return [
    ...extensions.flatMap(({ digest, decisions }) =>
      decisions.filter((one) => one.digest !== digest).map(() => 'A decision is on another extension than it says.'),
    ),
    ...extensions
      .filter((one) => one.outcome === 'extended' && !mayBeExtended(record, one, one.outcomeAt ?? undefined))
      .map(({ number }) => `Extension ${number} was made without the approvals that it takes.`),
    ...(claim && grant && !known.includes(grant.endAt) && grant.endAt > claim.endAt
      ? ['Its recorded end is neither the claim’s nor that of an extension.']
      : []),
  ];
}
