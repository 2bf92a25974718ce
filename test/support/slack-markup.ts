/** What a view says and offers, found in its blocks wherever it stands. */

type Node = Readonly<Record<string, unknown>>;

/** Every object within, itself included. */
export function nodesOf(shown: unknown): readonly Node[] {
  if (Array.isArray(shown)) return shown.flatMap(nodesOf);
  if (typeof shown !== 'object' || shown === null) return [];
  return [shown as Node, ...Object.values(shown).flatMap(nodesOf)];
}

/** Everything that Slack reads as markup: `mrkdwn` texts. */
export const markupOf = (shown: unknown): readonly string[] =>
  nodesOf(shown)
    .filter((node) => node['type'] === 'mrkdwn')
    .map((node) => String(node['text']));

/** Slack's date tokens, which alone may stand there with brackets. */
const dates = /<!date\^\d+\^\{(?:time|time_secs|date_short_pretty)\}(?: at \{time\})?\|[\d :-]+ UTC>/g;
const escapes = /&(?:amp|lt|gt);/g;

/** The first character that somebody's text could have made markup with; undefined where there is none. */
export const markupLeft = (text: string): string | undefined =>
  /[<>&]/.exec(text.replaceAll(dates, '').replaceAll(escapes, ''))?.[0];

/** Marks that turn the direction of what follows, among what is seen. What an option stands for is not. */
export const turned = (shown: unknown): boolean =>
  /[\u202A-\u202E\u2066-\u2069\u200E\u200F]/.test(
    JSON.stringify(shown, (key, one: unknown) => (key === 'value' ? undefined : one)),
  );

/** Without signs that only help the eye (`:key:`). */
export const withoutSigns = (text: string): string => text.replaceAll(/:[a-z_]+:/g, '').trim();
