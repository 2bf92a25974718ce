/** Entries of what is taken away on purpose: whose name it was, and what the log said long ago. Every proof outlives it. */
import { constructorsOf, many, type Sentences } from './entry.ts';

export type RetentionBodies = {
  /** `rows`: how many of the one erasable table. */
  readonly 'person.erased': { readonly rows: number; readonly because: string };
  /**
   * The lines of one partition, by their ids; `from` to before `to` are places among which theirs are. Their leaves stay.
   * `before`: ISO instant that none of them is younger than.
   */
  readonly 'log.retired': {
    readonly before: string;
    readonly firstId: number;
    readonly lastId: number;
    readonly from: number;
    readonly to: number;
    readonly entries: number;
  };
};

const entry = constructorsOf<RetentionBodies>();

/** Nobody can say any more who this was. Subject: the person's id. */
export const personErased = entry('person.erased');
/** Old entries are dropped; written before it happens. Subject: `log`. */
export const logRetired = entry('log.retired');

export const retentionSentences: Sentences<RetentionBodies> = {
  'person.erased': ({ actor, subject, body }, nameOf) =>
    `${nameOf(actor)} erased the names and words of ${subject}, ${many(body.rows, 'row')}: ${body.because}.`,
  'log.retired': ({ actor, body }, nameOf) =>
    `${nameOf(actor)} retired ${many(body.entries, 'entry', 'entries')} from before ${body.before}, with ids ${body.firstId} to ${body.lastId}.`,
};
