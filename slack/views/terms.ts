/** The terms of a plan besides approvals: when access may be held, and what ends it before its time. */
import { weekdays, type Condition, type GrantablePlan, type Window } from '../../domain/plan.ts';
import { formatSpan } from '../../domain/time.ts';
import { joined, listed, mrkdwn, value, type Mrkdwn } from '../text.ts';
import { section } from './kit.ts';
import type { Block } from './message.ts';

/** What ends the access besides its time, and when it may be held; nothing where neither is said. */
export function terms(plan: GrantablePlan): readonly Block[] {
  const says = termSentences(plan);
  return says.length > 0 ? [section(mrkdwn`*Besides*\n${joined(says, '\n')}`)] : [];
}

/** The same, a sentence each. */
export const termSentences = ({ until, limits }: GrantablePlan): readonly Mrkdwn[] => [
  ...(until ? [conditionSentence(until)] : []),
  ...(limits.graceMs === undefined
    ? []
    : [mrkdwn`Logins stop ${formatSpan(limits.graceMs)} before the end, so that whoever is inside can commit.`]),
  ...(limits.windows?.length ? [mrkdwn`It may be held only ${windowWords(limits.windows)}.`] : []),
];

function conditionSentence(until: Condition): Mrkdwn {
  switch (until.kind) {
    case 'incident':
      return mrkdwn`It ends as soon as incident ${until.key} is resolved, if that is sooner.`;
    case 'ticket':
      return mrkdwn`It ends as soon as ticket ${until.key} is closed, if that is sooner.`;
    case 'shift':
      return mrkdwn`It ends with the requester's shift on ${until.key}, if that is sooner.`;
  }
}

/** `Mon, Tue, Wed, Thu and Fri, 08:00 to 18:00 (Europe/Prague)`: minutes of that zone's day. */
const windowWords = (windows: readonly Window[]): Mrkdwn =>
  joined(
    windows
      .slice(0, 5)
      .map(
        ({ days, fromMinute, toMinute, zone }) =>
          mrkdwn`${dayWords(days)}, ${clock(fromMinute)} to ${clock(toMinute)} (${value(zone, 60)})`,
      ),
    '; or ',
  );

const dayWords = (days: Window['days']): Mrkdwn | string =>
  days.length === weekdays.length
    ? 'every day'
    : listed(
        days.map((day) => `${day.charAt(0).toUpperCase()}${day.slice(1)}`),
        7,
      );

const clock = (minute: number): string =>
  `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
