/** The request form. */
import type { types } from '@slack/bolt';
import { formatSpan, hourMs, spanText } from '../../domain/time.ts';
import { actions, blocks, callbacks } from '../ids.ts';
import { cut, oneLine, type Mrkdwn } from '../text.ts';
import { datetimeInput, input, modal, textInput } from './form.ts';
import { context, option, section } from './kit.ts';
import type { Modal } from './message.ts';

/** What a person may ask for; the service's options, without what is for break-glass only. */
export type Offer = {
  readonly target: string;
  readonly roles: readonly { readonly role: string; readonly note: string; readonly maxMs: number }[];
};

export type AskForm = {
  readonly offers: readonly Offer[];
  readonly prefill: {
    readonly target?: string;
    readonly role?: string;
    readonly durationMs?: number;
    readonly reason?: string;
    readonly ticket?: string;
    /** A scheduled start, epoch ms. */
    readonly startAt?: number;
  };
  /** What a typed line lacked. */
  readonly problem?: Mrkdwn;
  /** What the policy says of what is chosen so far, and who could decide: a sentence each. */
  readonly preview?: readonly Mrkdwn[];
};

/** Slack's limit of an option's value. Longer names exist in no target. */
const longestValue = 150;

/**
 * The target is a select that loads its options; the roles are those of the chosen target, or of all of them before
 * one is chosen: the service refuses pairs that do not exist, and says which do.
 */
export function askForm({ offers, prefill, problem, preview }: AskForm): Modal {
  const target =
    offers.find((offer) => offer.target === prefill.target) ?? (offers.length === 1 ? offers[0] : undefined);
  const roles = roleOptions(target ? [target] : offers);
  const role = roles.find((one) => one.value === prefill.role) ?? (roles.length === 1 ? roles[0] : undefined);
  return modal(
    { callback: callbacks.ask, title: 'Ask for access', submit: 'Send' },
    problem ? section(problem) : [],
    input(
      blocks.target,
      'Target',
      {
        type: 'external_select',
        action_id: actions.target,
        min_query_length: 0,
        placeholder: { type: 'plain_text', text: 'Which database' },
        ...(target ? { initial_option: targetOption(target.target) } : {}),
      },
      { dispatch: true },
    ),
    input(
      blocks.role,
      'Role',
      {
        type: 'static_select',
        action_id: actions.role,
        placeholder: { type: 'plain_text', text: 'What you need to do' },
        options: [...roles],
        ...(role ? { initial_option: role } : {}),
      },
      { dispatch: true },
    ),
    input(
      blocks.duration,
      'For how long',
      textInput(actions.duration, {
        initial: spanText(prefill.durationMs ?? hourMs),
        max: 20,
        placeholder: '2h',
        live: true,
      }),
      { hint: 'Such as 45m, 2h or 1h30m. It starts when you claim it, not when you ask.', dispatch: true },
    ),
    input(
      blocks.reason,
      'Why',
      textInput(actions.reason, {
        lines: true,
        max: 2000,
        placeholder: 'What you will do, and why it cannot wait',
        ...optionalInitial(prefill.reason),
      }),
      { hint: 'Whoever approves reads this.' },
    ),
    input(
      blocks.ticket,
      'Ticket',
      textInput(actions.ticket, { max: 100, placeholder: 'INC-12', live: true, ...optionalInitial(prefill.ticket) }),
      { optional: true, dispatch: true },
    ),
    input(blocks.start, 'Not before', datetimeInput(actions.start, prefill.startAt), {
      optional: true,
      dispatch: true,
      hint: 'Approved now, and to be claimed from then on. Leave it empty to start as soon as it is approved.',
    }),
    preview && preview.length > 0 ? context(...preview) : [],
  );
}

const optionalInitial = (initial: string | undefined) => (initial === undefined ? {} : { initial });

/** One option a role, at most Slack's 100; with its note where only one target gives it. */
function roleOptions(offers: readonly Offer[]): readonly types.PlainTextOption[] {
  const found = new Map<string, types.PlainTextOption>();
  for (const { role, note, maxMs } of offers.flatMap((offer) => offer.roles)) {
    if (found.has(role) || role.length > longestValue || found.size === 100) continue;
    const says = cut(
      oneLine(note === '' ? `at most ${formatSpan(maxMs)}` : `${note}; at most ${formatSpan(maxMs)}`),
      75,
    );
    found.set(role, option(role, role, offers.length === 1 ? says : undefined));
  }
  return [...found.values()];
}

const targetOption = (target: string): types.PlainTextOption => option(target, target);

/** The options of the target select for what was typed so far: at most 100, best where the name begins with it. */
export function targetOptions(offers: readonly Offer[], typed: string): readonly types.PlainTextOption[] {
  const wanted = typed.trim().toLowerCase();
  const names = offers.map((offer) => offer.target).filter((name) => name.length <= longestValue);
  const begins = names.filter((name) => name.toLowerCase().startsWith(wanted));
  const contains = names.filter(
    (name) => !name.toLowerCase().startsWith(wanted) && name.toLowerCase().includes(wanted),
  );
  return [...begins, ...contains].slice(0, 100).map(targetOption);
}
