import type { Experiment } from '../experiment.ts';

export const people: readonly Experiment[] = [];
