import { createHash } from 'node:crypto';

/**
 * The emulator draws user, channel and direct-message ids anew at each start, and Curfew keeps them in its store. So
 * whoever talks to the emulator does it through this: ids derived from names outside, the emulator's own inside.
 */
export type StableIds = {
  readonly learn: (raw: string, kind: 'U' | 'C' | 'D', name: string) => string;
  readonly toStable: (text: string) => string;
  readonly toRaw: (text: string) => string;
};

export const stableIds = (): StableIds => {
  const stableOf = new Map<string, string>();
  const rawOf = new Map<string, string>();
  return {
    learn: (raw, kind, name) => {
      const stable = stableId(kind, name);
      stableOf.set(raw, stable);
      rawOf.set(stable, raw);
      return stable;
    },
    toStable: (text) => replaceAll(text, stableOf),
    toRaw: (text) => replaceAll(text, rawOf),
  };
};

/** The id that a user, channel or direct message of that name has in every run. */
export const stableId = (kind: 'U' | 'C' | 'D', name: string): string =>
  kind + createHash('sha256').update(`${kind} ${name}`).digest('hex').slice(0, 10).toUpperCase();

/**
 * In text of any form (JSON, form-encoded), because an id never needs escaping. Only exact known ids: in
 * form-encoded text other hexadecimal digits may stand right before one.
 */
const replaceAll = (text: string, ids: ReadonlyMap<string, string>): string =>
  ids.size === 0 ? text : text.replaceAll(new RegExp([...ids.keys()].join('|'), 'g'), (id) => ids.get(id) ?? id);
