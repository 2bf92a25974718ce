/** An alarm in the operators' channel: that it is there, that it goes on, that it is over. */
import type { Severity } from '../../domain/alarms.ts';
import { formatSpan } from '../../domain/time.ts';
import { mrkdwn } from '../text.ts';
import { content, context, section } from './kit.ts';
import type { Content } from './message.ts';

export type AlarmModel = {
  readonly code: string;
  readonly severity: Severity;
  readonly subject: string;
  /** One sentence, without names or secrets. */
  readonly detail: string;
  readonly state:
    | { readonly kind: 'raised' }
    | { readonly kind: 'escalated'; readonly forMs: number }
    | { readonly kind: 'resolved'; readonly afterMs: number };
};

export function alarmNotice(model: AlarmModel): Content {
  const says = sentence(model);
  const note =
    model.state.kind === 'resolved'
      ? mrkdwn`About \`${model.subject}\`.`
      : mrkdwn`About \`${model.subject}\`. It is resolved by itself once the cause is gone.`;
  return content(says, section(says), context(note));
}

function sentence({ code, severity, detail, state }: AlarmModel) {
  const urgent = severity === 'page' ? 'Alarm, look now' : 'Alarm';
  switch (state.kind) {
    case 'raised':
      return mrkdwn`:rotating_light: ${urgent}: *${code}*. ${detail}`;
    case 'escalated':
      return mrkdwn`:rotating_light: ${urgent}: *${code}* goes on for more than ${formatSpan(state.forMs)}. ${detail}`;
    case 'resolved':
      return mrkdwn`:white_check_mark: Over after ${formatSpan(state.afterMs)}: *${code}*. It was: ${detail}`;
  }
}
