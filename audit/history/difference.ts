/** What a difference between log and history is, and how two values are held against each other. */

/** An entry as the log has it; `atMs`: epoch ms. */
export type LogEntry = {
  readonly id: number;
  readonly atMs: number;
  readonly kind: string;
  readonly actor: string;
  readonly body: unknown;
};

/** `event` and `entry`: which, by number, where there is one. The sentence names people by their ids. */
export type Difference = {
  readonly about: string;
  readonly sentence: string;
  readonly event?: number;
  readonly entry?: number;
};

export const field = (of: unknown, name: string): unknown =>
  typeof of === 'object' && of !== null ? (of as Readonly<Record<string, unknown>>)[name] : undefined;
export const withArticle = (noun: string): string => `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;
export const shown = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));

/** Fields that both have, and that are not equal. What an older entry does not say yet is no difference. */
export const unequal = (
  about: string,
  where: { readonly event: number; readonly entry: number },
  pairs: Readonly<Record<string, readonly [inLog: unknown, inHistory: unknown]>>,
): readonly Difference[] =>
  Object.entries(pairs).flatMap(([name, [inLog, inHistory]]) =>
    inLog === undefined || shown(inLog) === shown(inHistory)
      ? []
      : [
          {
            about,
            sentence: `Of the ${about}, the log has ${shown(inLog)} as ${name}, and the history ${shown(inHistory)}.`,
            ...where,
          },
        ],
  );
