/** Entries of what is kept of Workflows. */
import { constructorsOf, many, type Sentences } from './entry.ts';

/** SHA-256, hex: of the canonical JSON that is kept, and of the same with its payloads as Temporal has them. */
type Exported = {
  readonly workflow: string;
  readonly run: string;
  readonly type: string;
  readonly events: number;
  readonly sha256: string;
  readonly original: string;
  /** SHA-256 of the script that ran it last; null where none did. `bundles`: of all that ran a part of it, in order. */
  readonly bundle: string | null;
  readonly bundles: readonly string[];
};

export type HistoryBodies = { readonly 'history.exported': Exported };

const entry = constructorsOf<HistoryBodies>();

/** The history of a closed Workflow is kept. Subject: the request or the person, else the Workflow. */
export const historyExported = entry('history.exported');

export const historySentences: Sentences<HistoryBodies> = {
  'history.exported': ({ body }) => `The history of ${body.workflow} was kept: ${many(body.events, 'event')}.`,
};
