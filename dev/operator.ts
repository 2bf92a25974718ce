/**
 * `npm run curfew -- ...`: the command line, as the operator of the stack that `npm start` runs here. Where any of its
 * variables is set, all of them are the caller's: half of one place and half of another would be a mistake.
 */
import { cliShape, migrateShape } from '../config/cli.ts';
import { actsAsOperator } from './acting.ts';
import { runningStack } from './running-stack.ts';

const misused = 2;

/** A code is a person's, not a place's: it goes with the stack that runs here. */
const names = Object.keys({ ...cliShape, ...migrateShape }).filter((name) => name !== 'CURFEW_CODE');
const words = process.argv.slice(2);
const asksForHelp = words.length === 0 || words.some((word) => ['--help', '-h', 'help'].includes(word));
if (!asksForHelp && !names.some((name) => process.env[name])) {
  const stack = runningStack();
  Object.assign(process.env, stack?.operator);
  // Beside the output, which may be JSON or go into a shell; and of no interest to whoever only looks.
  if (stack && actsAsOperator(words)) process.stderr.write(`(as the operator of the stack at ${stack.api})\n`);
  if (!stack)
    process.once('exit', (code) => {
      if (code === misused)
        process.stderr.write(
          '(no stack is running here, and no CURFEW_ variable is set: run npm start in another terminal)\n',
        );
    });
}
await import('../cli/main.ts');
