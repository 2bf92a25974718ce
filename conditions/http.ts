import { z } from 'zod';
import { boundedText } from '../domain/bounded-text.ts';
import type { ConditionState } from '../domain/condition.ts';
import { secondMs } from '../domain/time.ts';
import type { Source } from './source.ts';

const answer = z.object({ state: z.enum(['open', 'closed']) });
const largestBytes = 16_384;

export type HttpSourceOptions = {
  /** Ends with a slash: `GET <base>incident/INC-12`. */
  readonly base: string;
  /** Sent as `Authorization: Bearer`; none where absent. */
  readonly token?: string;
  /** 2 s where absent: a claim waits for it. */
  readonly timeoutMs?: number;
};

/**
 * An endpoint: `GET base/{kind}/{key}` answers `{"state": "open" | "closed"}`. Anything else, a redirect included, is
 * unknown: a token must not follow one, and a page that says "sign in" is no answer.
 */
export function httpSource({ base, token, timeoutMs = 2 * secondMs }: HttpSourceOptions): Source {
  let failed = false;
  return {
    async stateOf({ kind, key }): Promise<ConditionState> {
      try {
        const response = await fetch(new URL(`${kind}/${encodeURIComponent(key)}`, base), {
          headers: { accept: 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
          redirect: 'error',
          signal: AbortSignal.timeout(timeoutMs),
        });
        const text = await boundedText(response.body, largestBytes);
        failed = response.status >= 500 || response.status === 401 || response.status === 403;
        const state = response.status === 200 ? answer.safeParse(JSON.parse(text)).data?.state : undefined;
        return state === undefined ? 'unknown' : state === 'open' ? 'holds' : 'over';
      } catch {
        failed = true;
        return 'unknown';
      }
    },
    trouble: () => (failed ? 'The endpoint of CURFEW_CONDITIONS_URL did not answer, or not as it should.' : undefined),
  };
}
