/** Instants are epoch milliseconds (`...At`), spans are milliseconds (`...Ms`). The clock is always a parameter. */
export const secondMs = 1_000;
export const minuteMs = 60 * secondMs;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

/** No grant is longer than a week, whatever a policy says: a standing account is another thing than a grant. */
export const longestGrantMs = 7 * dayMs;

const units: Readonly<Record<string, number>> = { s: secondMs, m: minuteMs, h: hourMs, d: dayMs };

/**
 * Reads a span as people write it: `90s`, `45m`, `2h`, `1h30m`, `1d`.
 * @returns milliseconds, more than 0 and at most a year; undefined for anything else (signs, decimals, other units,
 *   a unit twice, nothing)
 */
export function parseSpan(text: string): number | undefined {
  const compact = text.trim().toLowerCase().replaceAll(' ', '');
  if (compact.length > 20 || !/^(?:\d{1,6}[dhms])+$/.test(compact)) return undefined;
  let total = 0;
  const seen = new Set<string>();
  for (const [, digits, unit] of compact.matchAll(/(\d+)([dhms])/g)) {
    if (unit === undefined || seen.has(unit)) return undefined;
    seen.add(unit);
    total += Number(digits) * (units[unit] ?? Number.NaN);
  }
  return total > 0 && total <= 366 * dayMs ? total : undefined;
}

/** Writes a span in at most two units: `2 h`, `1 h 30 min`, `45 s`, `0.4 s` below ten seconds. */
export function formatSpan(ms: number): string {
  if (ms < 10 * secondMs) return `${Number((ms / secondMs).toFixed(1))} s`;
  let restMs = Math.round(ms / secondMs) * secondMs;
  const parts: string[] = [];
  for (const [unitMs, name] of [
    [dayMs, 'd'],
    [hourMs, 'h'],
    [minuteMs, 'min'],
    [secondMs, 's'],
  ] as const) {
    const count = Math.floor(restMs / unitMs);
    if (count > 0 && parts.length < 2) parts.push(`${count} ${name}`);
    restMs -= count * unitMs;
  }
  return parts.join(' ');
}

/** An instant for logs and terminals: ISO 8601 in UTC. Slack messages use Slack's own date tokens instead. */
export const formatInstant = (at: number): string => new Date(at).toISOString();
