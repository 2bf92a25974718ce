/**
 * `npm run curfew -- ...`: the command line, as the operator of the stack that `npm start` runs here. Where any of its
 * variables is set, all of them are the caller's: half of one place and half of another would be a mistake.
 */
import { cliShape, migrateShape } from '../config/cli.ts';
import { runningStack } from './running-stack.ts';

/** A code is a person's, not a place's: it goes with the stack that runs here. */
const names = Object.keys({ ...cliShape, ...migrateShape }).filter((name) => name !== 'CURFEW_CODE');
const asksForHelp = process.argv.length < 3 || process.argv.some((word) => ['--help', '-h', 'help'].includes(word));
if (!asksForHelp && !names.some((name) => process.env[name])) {
  const stack = runningStack();
  Object.assign(process.env, stack?.operator);
  // Beside the output, which may be JSON or go into a shell.
  process.stderr.write(
    stack
      ? `(as the operator of the stack at ${stack.api})\n`
      : '(no stack is running here, and no CURFEW_ variable is set: run npm start in another terminal)\n',
  );
}
await import('../cli/main.ts');
