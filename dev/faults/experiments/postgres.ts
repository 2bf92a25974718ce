import type { Experiment } from '../experiment.ts';

export const postgres: readonly Experiment[] = [];
