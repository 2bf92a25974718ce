/** Somebody else holds the lock; `owner` is that process's id, where it is known. */
export declare class LockHeld extends Error {
  readonly folder: string;
  readonly owner: number | null;
}

export type LockOptions = {
  /** How long to wait for another holder; not at all where absent. */
  readonly waitMs?: number;
  /** Called once, when there is something to wait for. */
  readonly onWait?: (owner: number | null) => void;
};

/**
 * Takes the lock that `folder` stands for; a holder that is dead counts as none.
 * @returns what releases it
 * @throws LockHeld when `waitMs` is over
 */
export declare const takeLock: (folder: string, options?: LockOptions) => Promise<() => void>;
