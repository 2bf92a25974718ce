/** Which alarms there are, how urgent each is, when one that goes on is said again, and when there are too many to say. */
import type { RequestId } from './ids.ts';
import { hourMs, minuteMs } from './units.ts';

/** `page`: somebody has to look now. `notice`: today is soon enough, unless it escalates. */
export type Severity = 'page' | 'notice';

/** Every code that Curfew raises; one that is missing here is a `notice`, which pages once it escalates. */
export const alarmCodes: Readonly<Record<string, Severity>> = {
  // Access that does not end, or that nobody ends in time.
  'revoke-late': 'page',
  'person-late': 'page',
  'reaper-silent': 'page',
  'reaper-blind': 'page',
  'reaper-stranger': 'page',
  'reaper-unknown-grant': 'page',
  'reaper-ended-before': 'page',
  'reaper-repair': 'page',
  // Nothing is granted, or nobody knows what is.
  'store-behind': 'page',
  'reconcile-silent': 'page',
  // Nobody could prove what happened.
  'log-unsigned': 'notice',
  'witness-behind': 'notice',
  'breakglass-late': 'page',
  'breakglass-one-channel': 'notice',
  'breakglass-flagged': 'notice',
  'review-owed': 'notice',
  'nobody-decides': 'notice',
  'grant-refused': 'notice',
  'extension-refused': 'notice',
  'outbox-late': 'page',
  'outbox-malformed': 'notice',
  'slack-channel': 'notice',
  'role-kept': 'notice',
  'due-late': 'page',
  'pull-late': 'notice',
  'pull-refused': 'page',
  'source-missing': 'notice',
  'person-unknown': 'notice',
  'scim-token-expiring': 'notice',
  'delivery-unread': 'page',
  'scim-token-over': 'page',
  'condition-unknown': 'notice',
  // What the reconciler found: the kinds of `doctor/reconcile/found.ts` that somebody has to look at now.
  'request-without-workflow': 'page',
  'workflow-without-request': 'page',
  'temporal-unknown': 'page',
  'surplus-grant': 'page',
  'past-end': 'page',
  'session-after-end': 'page',
  stranger: 'page',
  'login-gone': 'page',
  'login-back': 'page',
  'role-altered': 'page',
  'other-membership': 'page',
  'member-of-grant': 'page',
  'template-fails-lint': 'page',
  'cluster-changed': 'page',
  'target-unknown': 'page',
  'intents-wait': 'page',
  // What Workflows did is not kept, or nobody knows what they ran.
  'history-late': 'page',
  'history-lost': 'notice',
  'bundle-unknown': 'page',
  // What holders do is not known.
  'sessions-unread': 'notice',
  'alarm-flood': 'page',
  'alarm-test': 'notice',
};

/** @param level how often it escalated: whatever goes on for that long pages */
export const severityOf = (code: string, level = 0): Severity =>
  level > 0 || alarmCodes[code] === 'page' ? 'page' : 'notice';

/** One that is not over by then is said again, and from then on every hour. */
export const escalatesAfterMs = 15 * minuteMs;
export const escalatesEveryMs = hourMs;

/**
 * What happened, and does not go on: nothing that is looked at later could say that it is over. It is told once, and over
 * by itself after an hour; where it happens again after that it is told again.
 */
export const newsCodes: readonly string[] = [
  'person-unknown',
  'person-late',
  'delivery-unread',
  'scim-token-over',
  'history-lost',
  'bundle-unknown',
];
export const newsLastsMs = hourMs;

/** So many alarms of one code are said one by one within ten minutes; what is more is said as a number. */
export const toldOneByOne = 10;
export const floodWindowMs = 10 * minuteMs;
export const floodCode = 'alarm-flood';
export const floodKey = (code: string): string => `flood/${code}`;

/** Too few are left who could decide a request; its requester is told as well. */
export const stuckCode = 'nobody-decides';
export const stuckKey = (requestId: RequestId): string => `${stuckCode}/${requestId}`;

/** What an operator raises to see that alarms are heard; it is over once every channel has taken it. */
export const testCode = 'alarm-test';

/** Of one code. `untold`: open, and not said to anybody. `recent`: said within the window, over or not. */
export type CodeCounts = {
  readonly code: string;
  readonly open: number;
  readonly untold: number;
  readonly recent: number;
  readonly flooding: boolean;
};

/**
 * How many of a code are said now, and whether its flood is on: it begins with the first that is one too many, and ends
 * when few are open, so that ten thousand that come and go in turn are not ten thousand messages.
 */
export function tellable({ open, untold, recent, flooding }: Omit<CodeCounts, 'code'>): {
  readonly tell: number;
  readonly flooding: boolean;
} {
  const room = Math.max(0, toldOneByOne - recent);
  if (flooding && (open > toldOneByOne / 2 || room === 0)) return { tell: 0, flooding: true };
  return { tell: Math.min(untold, room), flooding: untold > room };
}

export const floodDetail = ({ code, untold }: Pick<CodeCounts, 'code' | 'untold'>): string =>
  `${untold} more alarms of the kind ${code} are open than are told one by one; curfew alarms lists them.`;
