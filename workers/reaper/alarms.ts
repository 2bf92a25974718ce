import { minuteMs } from '../../domain/time.ts';
import type { Ending } from './ending.ts';
import type { Pulse } from './health.ts';
import { surpriseKey, type Reports } from './reports.ts';

/** A revocation that is not over by then alarms, so that it is heard of within a minute (I17). */
const lateMs = 45_000;
/** A cluster that was not reached for this long alarms. */
const blindMs = 30_000;
/** A surprise that did not come again for this long is over. */
const calmMs = minuteMs;

/** What disagreed with the ledger, by role: told once, and told to be over when it did not come again. */
export class Surprises {
  readonly #cluster: string;
  readonly #reports: Reports;
  readonly #clock: () => number;
  readonly #lastMet = new Map<string, number>();

  constructor(cluster: string, reports: Reports, clock: () => number) {
    this.#cluster = cluster;
    this.#reports = reports;
    this.#clock = clock;
  }

  /** @returns true where it was not met lately, so that it is news */
  met(subject: string, code: 'repair' | 'stranger', outcome: string, at: number): boolean {
    const key = surpriseKey(this.#cluster, subject, code);
    const news = !this.#lastMet.has(key);
    if (news) this.#reports.add({ kind: 'surprise', cluster: this.#cluster, subject, code, outcome, foundAt: at });
    this.#lastMet.set(key, at);
    return news;
  }

  calm(): void {
    for (const [key, at] of this.#lastMet) {
      if (at + calmMs > this.#clock()) continue;
      this.#lastMet.delete(key);
      this.#reports.add({ kind: 'calm', key });
    }
  }
}

/** Raises and resolves what is wrong with the cluster itself, or with a grant that does not end. */
export class Alarms {
  readonly #cluster: string;
  readonly #reports: Reports;
  readonly #clock: () => number;
  readonly #open = new Set<string>();
  readonly #blind: string;
  #hasSeen = false;

  constructor(cluster: string, reports: Reports, clock: () => number) {
    this.#cluster = cluster;
    this.#reports = reports;
    this.#clock = clock;
    this.#blind = `reaper/${cluster}/blind`;
  }

  judge(pulse: Pulse, ending: Ending): void {
    const now = this.#clock();
    const wanted = new Map<string, { code: string; subject: string; detail: string }>();
    if (now - (pulse.lastSuccessAt ?? pulse.startedAt) > blindMs) {
      const detail = 'The reaper cannot reach this cluster; what is due there ends by VALID UNTIL alone.';
      wanted.set(this.#blind, { code: 'reaper-blind', subject: this.#cluster, detail });
    }
    // A process before this one may have said so, and died: left open it would tell of every end from then on.
    if (!this.#hasSeen && pulse.lastSuccessAt !== null && !wanted.has(this.#blind)) {
      this.#hasSeen = true;
      this.#open.add(this.#blind);
    }
    for (const { grantId, sinceAt } of ending.underWay()) {
      if (now - sinceAt <= lateMs) continue;
      const detail =
        'The reaper has not been able to verify on every node that this grant is ended; it goes on trying.';
      wanted.set(`reaper/${this.#cluster}/${grantId}/late`, { code: 'revoke-late', subject: grantId, detail });
    }
    for (const [key, alarm] of wanted) {
      if (this.#open.has(key)) continue;
      this.#open.add(key);
      this.#reports.add({ kind: 'alarm', alarm: { key, ...alarm } });
    }
    for (const key of this.#open) {
      if (wanted.has(key)) continue;
      this.#open.delete(key);
      this.#reports.add({ kind: 'calm', key });
    }
  }
}
