/** Access for an incident: where App Home offers it, and its form. */
import { formatSpan, hourMs, spanText } from '../../domain/time.ts';
import { actions, blocks, callbacks } from '../ids.ts';
import { cut, mrkdwn, oneLine } from '../text.ts';
import type { Offer } from './ask.ts';
import { input, modal, textInput } from './form.ts';
import { bareButton, context, divider, option, row, section } from './kit.ts';
import type { Block, Modal } from './message.ts';

/** Shown only to those whom the policy lets break glass somewhere. */
export const emergency = (): readonly Block[] => [
  divider,
  section(mrkdwn`*Emergency access*`),
  ...row(bareButton(actions.breakGlass, 'Break glass')),
  context(mrkdwn`For an incident, without prior approval: announced to everybody, short, and reviewed afterwards.`),
];

const mostOptions = 100;

/** What a choice stands for. Names of targets and roles have no spaces, and are shorter than half of Slack's limit. */
export const glassValue = (target: string, role: string): string => `${target} ${role}`;

/** @returns undefined where the choice is nothing that the form offered */
export function readGlass(text: string): { readonly target: string; readonly role: string } | undefined {
  const [target, role, more] = text.split(' ');
  return target !== undefined && role !== undefined && role !== '' && more === undefined ? { target, role } : undefined;
}

/** @param offers what the policy lets this person break glass for; not empty */
export function breakGlassForm(offers: readonly Offer[]): Modal {
  const all = offers.flatMap(({ target, roles }) => roles.map((role) => ({ target, ...role })));
  const shown = all.slice(0, mostOptions);
  const options = shown.map(({ target, role, maxMs }) =>
    option(
      cut(oneLine(`${role} on ${target}`), 75),
      glassValue(target, role),
      cut(oneLine(`at most ${formatSpan(maxMs)}`), 75),
    ),
  );
  const [only, ...others] = options;
  const longestMs = Math.min(hourMs, ...shown.map(({ maxMs }) => maxMs));
  return modal(
    { callback: callbacks.breakGlass, title: 'Emergency access', submit: 'Break glass' },
    section(mrkdwn`Nobody approves this. Everybody is told at once, and somebody else reviews it when it is over.`),
    input(blocks.target, 'Access to', {
      type: 'static_select',
      action_id: actions.glass,
      placeholder: { type: 'plain_text', text: 'What you need in this incident' },
      options,
      ...(only && others.length === 0 ? { initial_option: only } : {}),
    }),
    input(blocks.ticket, 'Incident', textInput(actions.ticket, { max: 100, placeholder: 'INC-12' }), {
      hint: 'The one that goes on. The access ends when it is resolved.',
    }),
    input(
      blocks.duration,
      'For how long',
      textInput(actions.duration, { initial: spanText(longestMs), max: 20, placeholder: '30m' }),
      {
        hint: 'At most 1h. It starts when you claim it.',
      },
    ),
    input(
      blocks.reason,
      'What is wrong',
      textInput(actions.reason, { lines: true, max: 2000, placeholder: 'What is broken, and what you will do' }),
      { hint: 'Everybody reads it.' },
    ),
  );
}
