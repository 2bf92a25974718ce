/** Reading Block Kit that came as JSON: whatever is not of the expected kind is empty, and nothing throws. */
import type { Json } from './shapes.ts';

export const objectOf = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
export const listOf = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.map(objectOf) : []);
export const asText = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Options of a select, those in groups too. */
export const optionsOf = (element: Json): readonly Json[] => [
  ...listOf(element['options']),
  ...listOf(element['option_groups']).flatMap((group) => listOf(group['options'])),
];

/** What stands in an input, as the driver takes it: text, an option's value or the option, several, a number, or null. */
export type Entered = unknown;

/** Out of `view.state.values`: what an input holds now. */
export function enteredIn(state: Json, blockId: string, actionId: string): Entered {
  const { type: _type, ...rest } = objectOf(objectOf(state[blockId])[actionId]);
  const [held] = Object.values(rest);
  if (Array.isArray(held)) return held.map((one) => valueOf(one));
  return held === undefined ? null : held;
}

/** An option's value, of an option or of the value itself. */
export const valueOf = (entered: Entered): string =>
  typeof entered === 'object' && entered !== null ? asText(objectOf(entered)['value']) : asText(entered);

export const isEmpty = (entered: Entered): boolean =>
  entered === null || entered === undefined || entered === '' || (Array.isArray(entered) && entered.length === 0);
