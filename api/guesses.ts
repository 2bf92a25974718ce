import { isIPv6 } from 'node:net';
import { minuteMs } from '../domain/time.ts';

/**
 * Bounds wrong codes by address. A code has 128 bits, so guessing is hopeless anyway; this keeps somebody who tries
 * from making the store look up millions.
 */
export type Guesses = {
  /** @returns for how many milliseconds this address is turned away; 0: it is not */
  blockedForMs(address: string): number;
  /** Notes one wrong code. */
  wrong(address: string): void;
};

export type GuessLimits = { readonly most: number; readonly withinMs: number; readonly addresses: number };

const usual: GuessLimits = { most: 20, withinMs: 10 * minuteMs, addresses: 10_000 };

/** Kept in memory, at most `addresses` of them: the longest unseen is forgotten first. */
export function createGuesses(clock: () => number, limits: GuessLimits = usual): Guesses {
  const seen = new Map<string, { since: number; count: number }>();
  const current = (address: string): { since: number; count: number } | undefined => {
    const entry = seen.get(keyOf(address));
    return entry && clock() - entry.since < limits.withinMs ? entry : undefined;
  };
  return {
    blockedForMs: (address) => {
      const entry = current(address);
      return entry && entry.count >= limits.most ? entry.since + limits.withinMs - clock() : 0;
    },
    wrong: (address) => {
      const entry = current(address) ?? { since: clock(), count: 0 };
      seen.delete(keyOf(address));
      seen.set(keyOf(address), { since: entry.since, count: entry.count + 1 });
      if (seen.size <= limits.addresses) return;
      const [oldest] = seen.keys();
      if (oldest !== undefined) seen.delete(oldest);
    },
  };
}

/** One home has a /64 of IPv6 addresses, so its first half is the address. An IPv4 address in IPv6 form is itself. */
function keyOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = (plain.split('%')[0] ?? '').split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const middle =
    tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - front.length - back.length) }, () => '0');
  return [...front, ...middle, ...back]
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, '').toLowerCase())
    .join(':');
}
