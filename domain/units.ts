/** Spans, in milliseconds. A file of their own: Workflows need these, and nothing that reads or writes text. */
export const secondMs = 1_000;
export const minuteMs = 60 * secondMs;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

/** How far the clocks of two of Curfew's processes may be apart. */
export const clocksApartMs = 2 * secondMs;
