import { formatInstant } from '../../domain/time.ts';
import type { PersonId } from '../../domain/ids.ts';
import * as absences from '../../store/absences.ts';
import * as grants from '../../store/grants.ts';
import * as onCall from '../../store/on-call.ts';
import { sourcesOf, type PersonSources } from '../../store/people-shown.ts';
import * as people from '../../store/people.ts';
import { waitingOf } from '../../store/person-dues.ts';
import type { Store } from '../../store/pool.ts';
import { openIdsOf } from '../../store/requests.ts';
import { printJson, Stopped, type Terminal } from '../terminal.ts';
import { handlesOf, personOf } from './requests.ts';

/** All that the directory knows of one person, and what they hold. @throws Stopped where nobody has this handle */
export async function showPerson(
  terminal: Terminal,
  store: Store,
  handle: string,
  { json }: { readonly json?: true },
): Promise<void> {
  const id = await personOf(store, handle);
  const person = await people.show(store, id);
  if (!person) throw new Stopped(`Nobody has the handle ${handle}.`);
  const now = terminal.clock();
  const sources = await sourcesOf(store, id, handle);
  const shifts = (await onCall.after(store, now)).filter((shift) => shift.person === id);
  const [away, held, open, due] = [
    await absences.of(store, id, now),
    await grants.live(store, { person: id }),
    await openIdsOf(store, id),
    await waitingOf(store, handle),
  ];
  const named = await handlesOf(store, [
    ...(person.manager === null ? [] : [person.manager]),
    ...person.aliases,
    ...away.flatMap(({ delegate }) => delegate ?? []),
  ]);
  const nameOf = (other: PersonId): string => named.get(other) ?? other;
  const more = {
    sources: sources.states,
    groupsBySource: sources.groups,
    links: sources.links.map((link) => ({ ...link, approvesFromAt: instantOr(link.approvesFromAt) })),
    because: sources.because,
    onCall: shifts.map(({ schedule, fromAt, untilAt }) => ({
      schedule,
      from: formatInstant(fromAt),
      until: formatInstant(untilAt),
    })),
    away: away.map(({ fromAt, untilAt, delegate }) => ({
      from: formatInstant(fromAt),
      until: formatInstant(untilAt),
      delegate: delegate === null ? null : nameOf(delegate),
    })),
    held: held.map(({ requestId, target, template, endAt }) => ({
      requestId,
      target,
      template,
      until: formatInstant(endAt),
    })),
    open: open.map((request) => request.id),
    due: due.map(({ source, event, state, effectiveAt }) => ({ source, event, state, at: formatInstant(effectiveAt) })),
  };
  if (json) return printJson(terminal, { ...person, ...more });
  const lines: readonly (readonly [string, string])[] = [
    ['id', person.id],
    ['state', `${person.state}, since ${formatInstant(person.changedAt)}`],
    ...statesOf(sources),
    ['kind', person.kind],
    ['groups', groupsOf(sources)],
    ['manager', person.manager === null ? '-' : nameOf(person.manager)],
    ['aliases', person.aliases.map(nameOf).join(' ') || '-'],
    ['Slack', linksOf(sources)],
    [
      'on call',
      more.onCall.map(({ schedule, from, until }) => `${schedule} from ${from} until ${until}`).join('; ') || '-',
    ],
    [
      'away',
      more.away
        .map(
          ({ from, until, delegate }) =>
            `from ${from} until ${until}${delegate === null ? '' : `, ${delegate} decides`}`,
        )
        .join('; ') || '-',
    ],
    [
      'holds',
      more.held.map(({ requestId, target, until }) => `${target} until ${until} (${requestId})`).join('; ') || '-',
    ],
    ['open', more.open.join(' ') || '-'],
    ['later', more.due.map(({ source, state, at }) => `${state} from ${at}, says ${source}`).join('; ') || '-'],
    ...sources.because.map((text) => ['because', text] as const),
  ];
  terminal.out(`${person.handle}: ${person.name ?? '-'} <${person.email ?? '-'}>\n`);
  for (const [label, text] of lines) terminal.out(`${label.padEnd(9)}${text}\n`);
}

const instantOr = (at: number | null): string | null => (at === null ? null : formatInstant(at));

const statesOf = ({ states }: PersonSources): readonly (readonly [string, string])[] =>
  states.map(({ source, state }) => ['', `${state}, says ${source}`] as const);

function groupsOf({ groups }: PersonSources): string {
  const bySource = Map.groupBy(groups, ({ name }) => name);
  return [...bySource].map(([name, all]) => `${name} (${all.map(({ source }) => source).join(', ')})`).join(' ') || '-';
}

const linksOf = ({ links }: PersonSources): string =>
  links
    .map(
      ({ team, user, approvesFromAt }) =>
        `${team}/${user}${approvesFromAt === null ? '' : ` (approves from ${formatInstant(approvesFromAt)})`}`,
    )
    .join(' ') || '-';
