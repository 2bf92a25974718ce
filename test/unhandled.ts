/** A reporter of Vitest for `test/run.ts`: the words of errors that no test awaited, which its JSON report leaves out. */
import { writeFileSync } from 'node:fs';
import type { Reporter } from 'vitest/node';

export default class Unhandled implements Reporter {
  onTestRunEnd(...[, errors]: Parameters<NonNullable<Reporter['onTestRunEnd']>>): void {
    const file = process.env['CURFEW_TEST_UNHANDLED'];
    if (file) writeFileSync(file, JSON.stringify(errors.map(({ stack, message }) => stack ?? message)));
  }
}
