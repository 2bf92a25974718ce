/** All experiments, a file for each kind of fault. */
import { abuse } from './experiments/abuse.ts';
import { administrators } from './experiments/administrator.ts';
import { grantees } from './experiments/grantee.ts';
import { leavers } from './experiments/leavers.ts';
import { network } from './experiments/network.ts';
import { people } from './experiments/people.ts';
import { postgres } from './experiments/postgres.ts';
import { processes } from './experiments/process.ts';
import { standbys } from './experiments/standbys.ts';
import { temporal } from './experiments/temporal.ts';
import type { Experiment } from './experiment.ts';

export const experiments: readonly Experiment[] = [
  ...processes,
  ...temporal,
  ...postgres,
  ...standbys,
  ...grantees,
  ...administrators,
  ...network,
  ...people,
  ...leavers,
  ...abuse,
].toSorted((one, other) => one.fault - other.fault);

/** `F27`; two experiments of one fault are told apart by a letter. */
export function nameOf(experiment: Experiment): string {
  const same = experiments.filter(({ fault }) => fault === experiment.fault);
  const letter = same.length > 1 ? String.fromCharCode(97 + same.indexOf(experiment)) : '';
  return `F${experiment.fault}${letter}`;
}
