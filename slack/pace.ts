/**
 * No more messages a channel than Slack takes: about one a second (https://docs.slack.dev/apis/web-api/rate-limits).
 * Whoever has something to send is given the instant at which it may go, and keeps that instant however often it asks:
 * a crowd that comes back later comes back in order, and nobody is starved.
 */
export type Pace = {
  /**
   * @param key of what is to be sent; asking again with it gives the same instant
   * @returns epoch ms; now or earlier: send it
   */
  readonly slotFor: (channel: string, key: string) => number;
  /** It was sent, or is not needed any more. */
  readonly done: (channel: string, key: string) => void;
};

/** A place that nobody comes for is given up this long after its instant. */
const keptMs = 120_000;

/** @param everyMs between two messages to one channel */
export function createPace(clock: () => number, everyMs: number): Pace {
  type Line = { nextAt: number; readonly places: Map<string, number> };
  const lines = new Map<string, Line>();

  function lineOf(channel: string): Line {
    const line = lines.get(channel) ?? { nextAt: 0, places: new Map<string, number>() };
    lines.set(channel, line);
    return line;
  }

  return {
    slotFor(channel, key) {
      const line = lineOf(channel);
      const now = clock();
      for (const [other, at] of line.places) if (at < now - keptMs) line.places.delete(other);
      const kept = line.places.get(key);
      if (kept !== undefined) return kept;
      const at = Math.max(now, line.nextAt);
      line.nextAt = at + everyMs;
      line.places.set(key, at);
      return at;
    },
    done(channel, key) {
      const line = lines.get(channel);
      line?.places.delete(key);
      if (line && line.places.size === 0 && line.nextAt <= clock()) lines.delete(channel);
    },
  };
}
