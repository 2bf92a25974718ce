export type ProgressOutput = {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly write: (text: string) => unknown;
};

export type Progress = {
  /** A whole line, above what is still running. */
  readonly say: (text: string) => void;
  /**
   * Runs one step and shows its name and time; steps may run side by side. `say` tells how far it is. On a terminal
   * the running steps share one line that is written over; elsewhere each thing said is a line.
   */
  readonly step: <T>(name: string, run: (say: (detail: string) => void) => Promise<T>) => Promise<T>;
};

/** Writes to standard error where no output is given, so that standard output stays for results. */
export declare const startProgress: (out?: ProgressOutput, now?: () => number) => Progress;
