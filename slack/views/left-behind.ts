/** What the owners of a target are told of that somebody made there whose access is over. */
import { joined, mrkdwn, nothing, value } from '../text.ts';
import { content, context, section } from './kit.ts';
import type { Content } from './message.ts';

export type LeftBehindModel = {
  readonly grantId: string;
  readonly target: string;
  readonly database: string;
  readonly total: number;
  /** The holder's own words; null where they were erased. */
  readonly names: readonly { readonly kind: string; readonly name: string }[] | null;
};

const mostNamed = 10;

export function leftBehindNotice({ grantId, target, database, total, names }: LeftBehindModel): Content {
  const many = total === 1 ? '1 object' : `${total} objects`;
  const says = mrkdwn`For the owners of *${target}*: access that is over left ${many} in the database \`${database}\`. Nobody can use them: they belong to \`curfew_quarantine\` now. Keep what you need by giving it another owner, and drop the rest.`;
  const first = (names ?? [])
    .slice(0, mostNamed)
    .map(({ kind, name }) => mrkdwn`${value(kind, 40)} \`${value(name, 120)}\``);
  const more = total > first.length ? mrkdwn` (${total - first.length} more)` : nothing;
  const list = first.length > 0 ? [section(mrkdwn`${joined(first, ', ')}${more}`)] : [];
  return content(
    says,
    section(says),
    ...list,
    context(mrkdwn`All of them: \`curfew report objects --request ${grantId}\``),
  );
}
