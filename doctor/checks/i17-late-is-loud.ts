import { finder, type Check } from '../finding.ts';

const found = finder('I17');
/** Sixty seconds, and what raising the alarm itself may take. */
const loudMs = 75_000;

type Late = { readonly id: string; readonly subject: string; readonly target: string };

/**
 * What was asked to end and did not within a minute has an open alarm; nothing is closed with its login enabled.
 * NB. The reaper's own word counts: a stolen login could call ended what is not.
 */
export const lateIsLoud: Check = async ({ store, targets, records, now }) => {
  const before = new Date(now - loudMs);
  const clusterOf = new Map(
    targets.flatMap((target) => target.targets.map((name) => [name as string, target.cluster] as const)),
  );
  const names = [...clusterOf.keys()];
  const asked = await store.query<Late>(
    `select i.id::text, coalesce(i.request_id, i.person)::text as subject, t.name as target
     from curfew.revoke_intent i join unnest($2::text[]) as t (name) on i.target is null or i.target = t.name
     where i.asked_at <= $1 and not exists (select from curfew.revoke_outcome o where o.intent_id = i.id and o.target = t.name
         and o.written_by = 'curfew_reaper')`,
    [before, names],
  );
  // After the intents: an alarm that is raised in between is heard.
  const alarmed = new Set(
    (await store.query<{ subject: string }>('select subject from curfew.alarm where resolved_at is null')).map(
      (row) => row.subject,
    ),
  );
  const quiet = (subject: string, target: string): boolean =>
    !alarmed.has(subject) && !alarmed.has(clusterOf.get(target) ?? '');
  const enabled = new Set(
    targets.flatMap((target) => target.roles.filter((role) => role.canLogin).map((role) => role.name)),
  );
  return [
    ...asked
      .filter((late) => quiet(late.subject, late.target))
      .map((late) => found('intent', late.subject, 'Its end was asked for over a minute ago, and no alarm is open.')),
    ...[...records.values()].flatMap((record) => {
      const late = record.state === 'revoking' && (record.changedAt ?? now) <= now - loudMs;
      const role = record.grant?.role ?? `cfw_${record.id.replaceAll('-', '')}`;
      return [
        ...(late && quiet(record.id, record.target)
          ? [found('revoking', record.id, 'It has been revoking for over a minute, and no alarm is open.')]
          : []),
        ...(record.state === 'closed' && (record.changedAt ?? now) < now && enabled.has(role)
          ? [found('closed', record.id, 'It is closed, and its login is enabled.')]
          : []),
      ];
    }),
  ];
};
