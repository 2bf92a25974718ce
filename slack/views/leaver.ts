/** Tells the announcements' channel that everything of a person who left was ended. */
import { formatSpan } from '../../domain/time.ts';
import { mrkdwn } from '../text.ts';
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
};

export function leaverNotice(model: LeaverModel): Content {
  const what = model.cause === 'left' ? 'left' : 'was suspended';
  const says = mrkdwn`*${model.name ?? 'Somebody'}* ${what}. Ended: ${count(model.closed, 'request')}; approvals that count no more: ${model.voided}; safe after ${formatSpan(model.safeAfterMs)}.`;
  return content(says, section(says));
}

const count = (many: number, what: string): string => `${many} ${what}${many === 1 ? '' : 's'}`;
