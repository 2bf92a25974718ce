import type { Experiment } from '../experiment.ts';

export const abuse: readonly Experiment[] = [];
