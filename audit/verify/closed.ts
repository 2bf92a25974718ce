/**
 * Which requests are over, and since when. It is all that grows with the length of a log, so it is kept as numbers in an
 * open-addressed table: 24 bytes a place, of which at least a third are taken, where a Map of strings takes a hundred.
 */
import { getRandomValues } from 'node:crypto';

export type Closed = {
  /** @returns since when it is over, epoch ms; undefined where it is not known to be */
  at(id: string): number | undefined;
  add(id: string, at: number): void;
};

const words = 4;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** @param places at first, a power of two */
export function createClosed(places = 1_024): Closed {
  let keys = new Uint32Array(places * words);
  let instants = new Float64Array(places).fill(Number.NaN);
  let taken = 0;
  /** What has no id of a request's form: a file that somebody made up. */
  const odd = new Map<string, number>();
  // NB. Drawn anew each time, so that nobody can make up ids which all want the same place.
  const factors = getRandomValues(new Uint32Array(words)).map((factor) => factor | 1);

  /** The place that has this key, or the free one that it would get. */
  function find(key: Uint32Array): number {
    const last = instants.length - 1;
    let hash = 0;
    for (let n = 0; n < words; n += 1) hash = (hash + Math.imul(key[n] ?? 0, factors[n] ?? 1)) | 0;
    let place = (hash ^ (hash >>> 15)) & last;
    while (!Number.isNaN(instants[place]) && !isAt(place, key)) place = (place + 1) & last;
    return place;
  }

  function isAt(place: number, key: Uint32Array): boolean {
    for (let n = 0; n < words; n += 1) if (keys[place * words + n] !== key[n]) return false;
    return true;
  }

  function put(key: Uint32Array, at: number): void {
    const place = find(key);
    if (Number.isNaN(instants[place])) taken += 1;
    keys.set(key, place * words);
    instants[place] = at;
  }

  function grow(): void {
    const [oldKeys, oldInstants] = [keys, instants];
    keys = new Uint32Array(oldKeys.length * 2);
    instants = new Float64Array(oldInstants.length * 2).fill(Number.NaN);
    taken = 0;
    for (const [place, at] of oldInstants.entries())
      if (!Number.isNaN(at)) put(oldKeys.subarray(place * words, (place + 1) * words), at);
  }

  return {
    at(id) {
      if (!uuid.test(id)) return odd.get(id);
      const at = instants[find(keyOf(id))];
      return at === undefined || Number.isNaN(at) ? undefined : at;
    },
    add(id, at) {
      if (!uuid.test(id)) return void odd.set(id, at);
      put(keyOf(id), at);
      if (taken * 3 > instants.length * 2) grow();
    },
  };
}

/** One for every call: what it says is copied before the next. */
const key = new Uint32Array(words);

function keyOf(id: string): Uint32Array {
  key[0] = Number.parseInt(id.slice(0, 8), 16);
  key[1] = Number.parseInt(id.slice(9, 13) + id.slice(14, 18), 16);
  key[2] = Number.parseInt(id.slice(19, 23) + id.slice(24, 28), 16);
  key[3] = Number.parseInt(id.slice(28), 16);
  return key;
}
