/** What was typed and chosen in a form, by block and action. https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload */
import { z } from 'zod';

const value = z.object({
  value: z.string().nullish(),
  selected_option: z.object({ value: z.string() }).nullish(),
  selected_date_time: z.int().nullish(),
});
const values = z.record(z.string(), z.record(z.string(), value.catch({})));

/** @returns what stands in the field, without blanks around it (a time as its seconds); an empty string where nothing does */
export type Field = (block: string, action: string) => string;

export function fieldsOf(state: unknown): Field {
  const read = z.object({ values }).safeParse(state).data?.values ?? {};
  return (block, action) => {
    // NB. Own properties only: a block named `__proto__` or `constructor` is no field.
    const blockValues = Object.hasOwn(read, block) ? read[block] : undefined;
    const one = blockValues && Object.hasOwn(blockValues, action) ? blockValues[action] : undefined;
    return (one?.selected_option?.value ?? one?.selected_date_time?.toString() ?? one?.value ?? '').trim();
  };
}
