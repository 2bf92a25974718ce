/**
 * Reads what stands behind `/curfew`. A line that cannot be read whole opens the form with what could be read, so
 * nothing here is an error: at worst the form is empty and says what was not understood.
 */
import { formatSpan, parseSpan } from '../domain/time.ts';
import { longestReason } from '../service/texts.ts';
import { withHint } from './parse-hint.ts';
import { readWord, type Word } from './parse-word.ts';

/** What a form can be filled with beforehand. All as typed; nothing is checked against the policy here. */
export type Prefill = {
  readonly target?: string;
  readonly role?: string;
  readonly durationMs?: number;
  readonly reason?: string;
  readonly ticket?: string;
};

export type Line =
  | Word
  | { readonly kind: 'form'; readonly prefill: Prefill; readonly problem?: string }
  | {
      readonly kind: 'ask';
      readonly target: string;
      readonly role: string;
      readonly durationMs: number;
      readonly reason: string;
      readonly ticket?: string;
    }
  /** Without `durationMs`: as long as the policy allows. */
  | {
      readonly kind: 'break-glass';
      readonly target: string;
      readonly role: string;
      readonly incident: string;
      readonly reason: string;
      readonly durationMs?: number;
    }
  | { readonly kind: 'break-glass-help'; readonly problem: string };

const namePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;
/** What is taken for a ticket within a reason: letters, a hyphen, digits. One that is named may be any word. */
const ticketPattern = /\b[A-Za-z][A-Za-z0-9]{0,9}-\d{1,10}\b/;
const incidentPattern = /^[A-Za-z][A-Za-z0-9_]{0,19}-\d{1,10}$/;

/** @param text what Slack sends as `text` of the command, where `&`, `<` and `>` may come escaped */
export function parseLine(text: string): Line {
  const sent = text.slice(0, 10_000).trim();
  const known = readWord(sent);
  const read = known && known.kind !== 'unclear' ? known : request(typed(sent));
  // A word that lacks something may be the name of a target, and the line behind it whole.
  return known === undefined || read.kind === 'ask' ? read : known;
}

/** What was typed, with straight quotes. */
const typed = (sent: string): string =>
  unescaped(sent)
    .replaceAll(/[“”„«»]/g, '"')
    .trim();

/** A line that begins with none of the words, or with a target that is named like one. */
function request(line: string): Line {
  const [first = ''] = line.split(/\s+/);
  const word = first.toLowerCase();
  if (line === '') return { kind: 'form', prefill: {} };
  if (word === 'breakglass' || word === 'break-glass') return breakGlass(line.slice(first.length).trim());
  const asked = ask(line);
  if (asked.kind !== 'form' || asked.problem === undefined) return asked;
  // As the command line has it: `request orders-prod read 2h`.
  if (/^(?:request|ask)$/.test(word)) return request(line.slice(first.length).trim());
  return { ...asked, problem: withHint(first, asked.problem) };
}

/** `orders-prod read 2h because INC-12 slow query`; `for` before the span and `ticket T` after it are optional. */
function ask(line: string): Line {
  const { words, reason } = splitReason(line);
  const [target, role, ...after] = words;
  const terms = after[0]?.toLowerCase() === 'for' ? after.slice(1) : after;
  const span = terms[0] === undefined ? undefined : parseSpan(terms[0]);
  const named = terms[1]?.toLowerCase() === 'ticket' ? terms[2] : undefined;
  const ticket = named ?? ticketPattern.exec(reason ?? '')?.[0];
  const prefill: Prefill = {
    ...(target !== undefined && namePattern.test(target) ? { target } : {}),
    ...(role !== undefined && namePattern.test(role) ? { role } : {}),
    ...(span === undefined ? {} : { durationMs: span }),
    ...(reason === undefined ? {} : { reason: reason.slice(0, longestReason) }),
    ...(ticket === undefined ? {} : { ticket }),
  };
  const problem = problemOf(prefill, terms, named, reason);
  if (problem !== undefined) return { kind: 'form', prefill, problem };
  const { target: asked = '', role: as = '', durationMs = 0 } = prefill;
  return {
    kind: 'ask',
    target: asked,
    role: as,
    durationMs,
    reason: reason ?? '',
    ...(ticket === undefined ? {} : { ticket }),
  };
}

function problemOf(
  read: Prefill,
  terms: readonly string[],
  named: string | undefined,
  reason?: string,
): string | undefined {
  if (read.target === undefined) return 'The target is not a name: it is the first word, such as orders-prod.';
  if (read.role === undefined) return 'The role is missing, or not a name: it is the second word, such as read.';
  if (read.durationMs === undefined) return 'How long is missing or not a span such as 45m, 2h or 1h30m.';
  if (terms.length > (named === undefined ? 1 : 3))
    return `After ${formatSpan(read.durationMs)} comes "because" and the reason.`;
  if (reason === undefined || reason === '') return 'The reason is missing: end the line with "because" and why.';
  return reason.length > longestReason ? `The reason is longer than ${longestReason} characters.` : undefined;
}

/** `orders-prod write INC-12 "checkout down"`; a span may stand before the incident. Never a form: there is no time. */
function breakGlass(line: string): Line {
  const words = line.split(/\s+/);
  const [target = '', role = '', ...rest] = words;
  const span = rest[0] === undefined ? undefined : parseSpan(rest[0]);
  const [incident = '', ...why] = span === undefined ? rest : rest.slice(1);
  const reason = why
    .join(' ')
    .replace(/^because\s+/i, '')
    .replace(/^"(.*)"$/s, '$1')
    .trim();
  const problem = !namePattern.test(target)
    ? 'The target is missing.'
    : !namePattern.test(role)
      ? 'The role is missing.'
      : !incidentPattern.test(incident)
        ? 'The incident is missing, or not of the form INC-12.'
        : reason === ''
          ? 'Say what is wrong, after the incident.'
          : reason.length > longestReason
            ? `What is wrong is longer than ${longestReason} characters.`
            : undefined;
  if (problem !== undefined) return { kind: 'break-glass-help', problem };
  return { kind: 'break-glass', target, role, incident, reason, ...(span === undefined ? {} : { durationMs: span }) };
}

/** The reason stands behind the first `because`, or in quotes at the end. */
function splitReason(line: string): { readonly words: readonly string[]; readonly reason?: string } {
  const because = /(?:^|\s)because(?:\s+|$)/i.exec(line);
  const quoted = /\s"([^"]*)"$/.exec(line);
  const cutAt = because?.index ?? quoted?.index;
  const head = (cutAt === undefined ? line : line.slice(0, cutAt)).split(/\s+/).filter((word) => word !== '');
  if (because) return { words: head, reason: unquoted(line.slice(because.index + because[0].length).trim()) };
  return quoted ? { words: head, reason: (quoted[1] ?? '').trim() } : { words: head };
}

const unquoted = (text: string): string => (/^"[^"]*"$/.test(text) ? text.slice(1, -1).trim() : text);

/**
 * What was typed, out of what Slack makes of it: people, channels and addresses come as `<@U0|name>`, `<#C0|name>` and
 * `<https://address|shown>`. NB. Slack's ids stay out of reasons: those are kept, and the ids stand in one table only.
 */
const unescaped = (text: string): string =>
  text
    .replaceAll(/<([@#!])[^<>|]{0,255}(?:\|([^<>]{0,255}))?>/g, (_whole, sign: string, name?: string) =>
      name === undefined || name === '' ? `${sign}somebody` : `${sign === '!' ? '@' : sign}${name.replace(/^@/, '')}`,
    )
    .replaceAll(/<((?:https?|mailto):[^<>|]{1,3000})(?:\|([^<>]{0,3000}))?>/g, (_whole, url: string, shown?: string) =>
      url.startsWith('mailto:') ? (shown ?? url.slice(7)) : url,
    )
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
