/** Instants are epoch milliseconds (`...At`), spans are milliseconds (`...Ms`). The clock is always a parameter. */
import { dayMs, hourMs, minuteMs, secondMs } from './units.ts';

export { dayMs, hourMs, minuteMs, secondMs };

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

/** Writes a span as `parseSpan` reads it, in whole seconds: 5,400,000 becomes `1h30m`. */
export function spanText(ms: number): string {
  let rest = Math.max(secondMs, Math.round(ms / secondMs) * secondMs);
  return spanUnits
    .map(([unit, unitMs]) => {
      const many = Math.floor(rest / unitMs);
      rest -= many * unitMs;
      return many > 0 ? `${many}${unit}` : '';
    })
    .join('');
}
const spanUnits = [
  ['d', dayMs],
  ['h', hourMs],
  ['m', minuteMs],
  ['s', secondMs],
] as const;

/** An instant for logs and terminals: ISO 8601 in UTC. Slack messages use Slack's own date tokens instead. */
export const formatInstant = (at: number): string => new Date(at).toISOString();
