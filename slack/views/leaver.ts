/** Tells the announcements' channel that everything of a person who left was ended. */
import { formatSpan } from '../../domain/time.ts';
import { mrkdwn, nothing, type Mrkdwn } from '../text.ts';
import { content, section } from './kit.ts';
import type { Content } from './message.ts';

export type LeaverModel = {
  readonly name: string | null;
  readonly cause: 'left' | 'suspended';
  /** Requests and grants that were ended. */
  readonly closed: number;
  /** Approvals that count no more. */
  readonly voided: number;
  /** From learning of it until every grant was verified as ended. */
  readonly safeAfterMs: number;
  /** What others hold on their approval; it is listed, and goes as the policy says. */
  readonly tainted?: number;
};

export function leaverNotice(model: LeaverModel): Content {
  const what = model.cause === 'left' ? 'left' : 'was suspended';
  const says = mrkdwn`*${model.name ?? 'Somebody'}* ${what}. Ended: ${count(model.closed, 'request')}; approvals that count no more: ${model.voided}; safe after ${formatSpan(model.safeAfterMs)}.${resting(model)}`;
  return content(says, section(says));
}

const resting = ({ tainted = 0, cause }: LeaverModel): Mrkdwn => {
  if (tainted === 0) return nothing;
  const next = cause === 'left' ? mrkdwn`it goes as the policy says` : mrkdwn`it stays while they may come back`;
  return mrkdwn` ${count(tainted, 'grant')} of others ${tainted === 1 ? 'rests' : 'rest'} on their approval: ${next} (curfew report tainted).`;
};

const count = (many: number, what: string): string => `${many} ${what}${many === 1 ? '' : 's'}`;
