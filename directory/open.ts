import type { Listing, PersonSource } from '../service/person-source.ts';
import { fileSource } from './file.ts';
import { httpSource } from './http.ts';
import type { SourceSpec } from './spec.ts';

/** How a source is asked; undefined where it cannot be. */
export function openSource(spec: SourceSpec): PersonSource | undefined {
  const { ask } = spec;
  if (!ask) return undefined;
  return ask.kind === 'file' ? fileSource(ask.path) : sharing(httpSource(ask, spec));
}

/**
 * Many deliveries at once are one question: whoever asks while one is under way waits for the next, and shares it. Not
 * the one under way: its answer may be older than what made them ask.
 */
export function sharing(source: PersonSource): PersonSource {
  let underWay: Promise<Listing> | undefined;
  let next: Promise<Listing> | undefined;
  const begin = (): Promise<Listing> => {
    const asked = source.list().finally(() => {
      if (underWay === asked) underWay = undefined;
    });
    underWay = asked;
    return asked;
  };
  return {
    list() {
      if (!underWay) return begin();
      next ??= underWay.then(() => {
        next = undefined;
        return begin();
      });
      return next;
    },
  };
}
