import type { Experiment } from '../experiment.ts';

export const temporal: readonly Experiment[] = [];
