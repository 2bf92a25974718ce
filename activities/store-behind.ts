import { CurfewError } from '../domain/errors.ts';

/** A store that came back from a backup may hold as live what was revoked since. */
export class StoreBehind extends CurfewError {
  constructor() {
    super('TargetNotReady', 'The store came back from a backup and grants nothing until curfew recover has run.');
  }
}
