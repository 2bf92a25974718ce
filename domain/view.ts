import type { RequestState } from './request.ts';

/** What a request's Workflow says of itself. `version` grows by one with each change; the store keeps the newest. */
export type RequestView = {
  readonly version: number;
  readonly state: RequestState;
  readonly decideByAt: number;
  /** Set once approved: the instant by which it must be claimed. */
  readonly useByAt: number | null;
  /** True once the notice before the end is due. */
  readonly noticed: boolean;
  /** Approved before its scheduled start, which has come: it can be claimed now. */
  readonly started?: boolean;
  /** The stages whose people were reminded, and those that were opened to more people. Sorted. */
  readonly reminded?: readonly number[];
  readonly escalated?: readonly number[];
};
