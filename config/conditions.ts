/** Where a process asks whether an incident or a ticket still goes on. Shifts are in the store. */
import { optional, type Problem, type Values } from './field.ts';
import { folder as absolutePath, webAddress, word } from './forms.ts';

export const conditionsShape = {
  CURFEW_CONDITIONS_FILE: optional(absolutePath, {
    what: 'YAML file of incidents and tickets, {incidents: {KEY: open | resolved}, tickets: {KEY: open | closed}}; read again when it changes',
    mend: 'Set it to the absolute path of the file, or unset it.',
  }),
  CURFEW_CONDITIONS_URL: optional(webAddress, {
    what: 'endpoint that knows incidents and tickets: GET <address>/<kind>/<key> answers {"state": "open" | "closed"}',
    mend: 'Set it to an http(s) address, or unset it.',
  }),
  CURFEW_CONDITIONS_TOKEN: optional(word, {
    what: 'bearer token for CURFEW_CONDITIONS_URL',
    mend: 'Set it to the token, or unset it.',
  }),
} as const;

export type ConditionsConfig =
  | { readonly kind: 'none' }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'http'; readonly base: string; readonly token?: string };

export function conditionsOf(
  values: Values<typeof conditionsShape>,
): ConditionsConfig | { readonly problems: readonly Problem[] } {
  const { CURFEW_CONDITIONS_FILE: path, CURFEW_CONDITIONS_URL: base, CURFEW_CONDITIONS_TOKEN: token } = values;
  if (path !== undefined && base !== undefined)
    return wrong('CURFEW_CONDITIONS_FILE', 'is set together with CURFEW_CONDITIONS_URL', 'Keep one of them.');
  if (token !== undefined && base === undefined)
    return wrong(
      'CURFEW_CONDITIONS_TOKEN',
      'is set without CURFEW_CONDITIONS_URL',
      'Set the address too, or unset it.',
    );
  if (path !== undefined) return { kind: 'file', path };
  return base === undefined ? { kind: 'none' } : { kind: 'http', base, ...(token === undefined ? {} : { token }) };
}

const wrong = (variable: string, what: string, mend: string): { readonly problems: readonly Problem[] } => ({
  problems: [{ variable, wrong: what, mend }],
});
