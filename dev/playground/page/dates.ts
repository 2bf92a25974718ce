/** Slack's date tokens, in the viewer's own time zone: https://docs.slack.dev/messaging/formatting-message-text */

type Show = (at: Date, now: Date) => string;

const dayMs = 86_400_000;
const format = (options: Intl.DateTimeFormatOptions): Show => {
  const made = new Intl.DateTimeFormat('en-GB', options);
  return (at) => made.format(at);
};
const long = format({ weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });
const medium = format({ day: 'numeric', month: 'long', year: 'numeric' });
const short = format({ day: 'numeric', month: 'short', year: 'numeric' });
const time = format({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

/** Of days near by, their word. */
const pretty =
  (otherwise: Show): Show =>
  (at, now) => {
    const days = Math.round((startOfDay(at) - startOfDay(now)) / dayMs);
    return { '0': 'today', '1': 'tomorrow', '-1': 'yesterday' }[String(days)] ?? otherwise(at, now);
  };
const startOfDay = (at: Date): number => new Date(at).setHours(0, 0, 0, 0);

const tokens: Readonly<Record<string, Show>> = {
  date: medium,
  date_pretty: pretty(medium),
  date_long: long,
  date_long_pretty: pretty(long),
  date_long_full: long,
  date_short: short,
  date_short_pretty: pretty(short),
  date_num: format({ day: '2-digit', month: '2-digit', year: 'numeric' }),
  date_slash: format({ day: '2-digit', month: '2-digit', year: 'numeric' }),
  day_divider_pretty: pretty(long),
  time,
  time_secs: format({ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }),
};

/** `at` as `form` has it, e.g. `{date_short_pretty} at {time}` as `today at 14:02`. A token not known stays. */
export const dated = (at: number, form: string, now: number): string =>
  form.replaceAll(/\{([a-z_]+)\}/g, (token: string, name: string) =>
    Object.hasOwn(tokens, name) ? (tokens[name]?.(new Date(at), new Date(now)) ?? token) : token,
  );

export const clock = (at: number): string => dated(at, '{time}', at);

const two = (part: number): string => String(part).padStart(2, '0');

/** Seconds of the epoch as a `datetime-local` input has them, in the viewer's zone, and back. */
export const toLocalInput = (seconds: number): string => {
  const at = new Date(seconds * 1_000);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
};
export const fromLocalInput = (text: string): number | null => {
  const at = new Date(text).getTime();
  return Number.isNaN(at) ? null : Math.floor(at / 1_000);
};
