/**
 * Somewhere else, where whoever holds the database cannot write: copies of signed checkpoints, so that a log that was
 * shortened or rewritten no longer fits what others have of it.
 */
import type { Checkpoint } from '../checkpoint.ts';

export interface Witness {
  /** Its folder or address, without secrets. */
  readonly name: string;
  /** The newest note that it has, whoever signed it; undefined: none. @throws where it does not answer */
  newest(): Promise<string | undefined>;
  /** Keeps a note for ever. Harmless where it has it already. @throws where it does not take it */
  put(note: string, checkpoint: Pick<Checkpoint, 'origin' | 'size'>): Promise<void>;
}

/** `<epoch>-<size>`, both in as many digits as make the newest the last by name. */
export const noteName = ({ origin, size }: Pick<Checkpoint, 'origin' | 'size'>): string =>
  `${(/\/(\d+)$/.exec(origin)?.[1] ?? '0').padStart(6, '0')}-${String(size).padStart(16, '0')}`;
