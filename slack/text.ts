/**
 * Text that goes to Slack. Slack reads `mrkdwn` as markup, where `<...>` is a link, a mention or `<!channel>`, so what
 * people wrote must never get there as it is. `Mrkdwn` is text that is safe: it is made only by the `mrkdwn` template,
 * which escapes and shortens every plain string put into it, and by the tokens below; every builder takes only it.
 *
 * Escaping: https://docs.slack.dev/messaging/formatting-message-text#escaping (`&`, `<`, `>` and no others).
 */
export type Mrkdwn = { readonly kind: 'mrkdwn'; readonly mrkdwn: string };

/** The longest value inside a sentence, in characters, so that one long value cannot hide the next. */
const valueMax = 120;

/** Cuts to at most `max` characters (UTF-16 units, as Slack counts), the last of which is then an ellipsis. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  const end = max - 1;
  const last = text.charCodeAt(end - 1);
  // Never half of a surrogate pair: Slack refuses the whole message for it.
  return `${text.slice(0, last >= 0xd800 && last <= 0xdbff ? end - 1 : end)}…`;
}

/**
 * Text that somebody wrote, made harmless to look at: no control characters but line breaks, no invisible marks, above
 * all none that turn the direction of what follows (they can make one word read as another), no lone surrogates.
 */
export const tidy = (text: string): string =>
  text
    .toWellFormed()
    .replaceAll(/\r\n?|[\u2028\u2029]/g, '\n')
    // oxlint-disable-next-line no-control-regex -- finding control characters is what this is for
    .replaceAll(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F]/g, ' ')
    .replaceAll(/[\u061C\u200B\u200E\u200F\u202A-\u202E\u2060-\u2069\uFEFF]/g, '');

/** One line: what `tidy` leaves, with every run of white space as one blank. */
export const oneLine = (text: string): string => tidy(text).replaceAll(/\s+/g, ' ').trim();

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/**
 * One value inside a sentence: one line, no way to begin or end bold, and at most `max` characters as it is sent, so
 * that the sentence's length is known whatever it is made of.
 */
export function value(text: string, max = valueMax): Mrkdwn {
  const line = cut(oneLine(text), max).replaceAll(/[*~`]|(?<!\w)_|_(?!\w)/g, (mark) => lookalikes[mark] ?? mark);
  const whole = escaped(line);
  return raw(line === '' ? '(empty)' : whole.length <= max ? whole : escapedWithin(line, max));
}

/** As many whole characters as fit escaped, and an ellipsis. */
function escapedWithin(line: string, max: number): string {
  let text = '';
  for (const character of line) {
    const next = escaped(character);
    if (text.length + next.length > max - 1) break;
    text += next;
  }
  return `${text}…`;
}

/** Slack has no escape for these; a name in asterisks must not end the bold that the sentence began. */
const lookalikes: Readonly<Record<string, string>> = { '*': '∗', _: 'ˍ', '~': '∼', '`': 'ˋ' };

/**
 * Builds `mrkdwn`: the template's own text is markup; every string in it is escaped and shortened by `value`, what is
 * `Mrkdwn` already and numbers stay as they are.
 */
export const mrkdwn = (parts: TemplateStringsArray, ...values: readonly (string | number | Mrkdwn)[]): Mrkdwn =>
  raw(
    parts.reduce((text, part, index) => {
      const given = values[index - 1];
      return `${text}${given === undefined ? '' : inserted(given)}${part}`;
    }),
  );

const inserted = (given: string | number | Mrkdwn): string =>
  typeof given === 'number' ? String(given) : (typeof given === 'string' ? value(given) : given).mrkdwn;

/** Where a sentence has nothing more to say; an empty string would be somebody's empty text. */
export const nothing: Mrkdwn = { kind: 'mrkdwn', mrkdwn: '' };

/** Joins texts that are safe already. */
export const joined = (texts: readonly Mrkdwn[], between: string): Mrkdwn =>
  raw(texts.map((text) => text.mrkdwn).join(between));

/** `Ana`, `Ana and Ben`, `Ana, Ben and 3 more`: never more than `shown` names. */
export function listed(names: readonly string[], shown = 5): Mrkdwn {
  const first = names.slice(0, names.length > shown ? shown : names.length).map((name) => value(name, 60));
  const rest = names.length - first.length;
  if (rest > 0) return mrkdwn`${joined(first, ', ')} and ${rest} more`;
  const last = first.at(-1);
  if (!last) return raw('nobody');
  return first.length === 1 ? last : mrkdwn`${joined(first.slice(0, -1), ', ')} and ${last}`;
}

/** NB. Whatever is given here reaches Slack as markup: constants and tokens only. */
const raw = (text: string): Mrkdwn => ({ kind: 'mrkdwn', mrkdwn: text });

/**
 * An instant in each viewer's own time and language, with UTC where a client cannot show that.
 * https://docs.slack.dev/messaging/formatting-message-text#date-formatting
 */
export function when(at: number, form: 'time' | 'seconds' | 'day' = 'day'): Mrkdwn {
  const shape = { time: '{time}', seconds: '{time_secs}', day: '{date_short_pretty} at {time}' }[form];
  const utc = new Date(at).toISOString().slice(0, 19).replace('T', ' ');
  return raw(`<!date^${Math.floor(at / 1000)}^${shape}|${utc} UTC>`);
}

/** As `formatInstant` writes it: sentences that are made for every surface have instants so. */
const instants = /\b\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z/;
const mostInstants = 3;

/**
 * A sentence of whoever refused, as one value whose first instants each viewer reads in their own time.
 * @param max of the sentence as it was said; each instant makes it some sixty characters longer
 */
export function sentence(text: string, max: number): Mrkdwn {
  let rest = value(text, max).mrkdwn;
  let said = '';
  for (let found = 0; found < mostInstants; found += 1) {
    const match = instants.exec(rest);
    const at = match ? Date.parse(match[0]) : Number.NaN;
    if (!match || Number.isNaN(at)) break;
    said += `${rest.slice(0, match.index)}${when(at).mrkdwn}`;
    rest = rest.slice(match.index + match[0].length);
  }
  return raw(`${said}${rest}`);
}
