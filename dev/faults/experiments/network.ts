import type { Experiment } from '../experiment.ts';

export const network: readonly Experiment[] = [];
