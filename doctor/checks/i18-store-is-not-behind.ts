import { newestIndex } from '../../store/audit.ts';
import { finder, type Check } from '../finding.ts';

const found = finder('I18');

/** A store that came back from a backup may hold as live what was revoked since: nothing is granted until it is recovered. */
export const storeIsNotBehind: Check = async ({ store, targets }) => {
  // After the targets were read, so that whatever they have seen is in it.
  const newest = await newestIndex(store);
  const alarmed = await store.query<{ subject: string }>(
    `select subject from curfew.alarm where code = 'store-behind' and resolved_at is null`,
  );
  const less = targets.flatMap(({ cluster, storeMark }) => (storeMark > newest ? [cluster] : []));
  const open = await store.query('select from curfew.recovery where completed_at is null');
  return [
    ...[...new Set([...alarmed.map(({ subject }) => subject), ...less])].map((cluster) =>
      found(
        'store-behind',
        cluster,
        'The store came back from a backup: nothing is granted until curfew recover has run.',
      ),
    ),
    ...(open.length > 0
      ? [found('recovery-open', 'store', 'A recovery was begun and not completed: run curfew recover again.')]
      : []),
  ];
};
