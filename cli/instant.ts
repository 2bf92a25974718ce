/**
 * Reads an instant as people type it: `2026-12-24T08:00+01:00`, `2026-12-24T08:00:30Z`.
 * @returns epoch milliseconds; undefined for a day that there is not, which `Date.parse` takes for another one, for a
 *   time without a zone, which is another instant on every machine, and for anything else
 */
export function parseInstant(text: string): number | undefined {
  const [, day] = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)$/i.exec(text) ?? [];
  if (day === undefined || parseDay(day) === undefined) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}

/** Reads a day, `2026-12-24`. @returns its first instant in UTC; undefined for anything else */
export function parseDay(text: string): number | undefined {
  const at = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) || !new Date(at).toISOString().startsWith(text) ? undefined : at;
}
