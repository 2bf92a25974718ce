/** The `curfew` command: one `register` a command, and one place that turns what they throw into a message and a code. */
import { Command, CommanderError } from 'commander';
import { hideSecrets } from '../config/log.ts';
import { CurfewError } from '../domain/errors.ts';
import { registerAudit } from './commands/audit.ts';
import { registerBreakGlass } from './commands/breakglass.ts';
import { registerConnect } from './commands/connect.ts';
import { registerDecide } from './commands/decide.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerFindings } from './commands/findings.ts';
import { registerHistory } from './commands/history.ts';
import { registerMigrate } from './commands/migrate.ts';
import { registerMine } from './commands/mine.ts';
import { registerOnCall } from './commands/oncall.ts';
import { registerPeople } from './commands/people.ts';
import { registerPolicy } from './commands/policy.ts';
import { registerAlarms } from './commands/alarms.ts';
import { registerRecover } from './commands/recover.ts';
import { registerRequest } from './commands/request.ts';
import { registerReport } from './commands/report.ts';
import { registerRequests } from './commands/requests.ts';
import { registerScim } from './commands/scim.ts';
import { registerSessions } from './commands/sessions.ts';
import { registerStatus } from './commands/status.ts';
import { registerTarget } from './commands/target.ts';
import { registerVerify } from './commands/verify.ts';
import { exitCodes, harmless, Stopped, type ExitCode, type Terminal } from './terminal.ts';

/** What a command is given to say how it went. Without a word it went well. */
export type Finish = (code: ExitCode) => void;
export type Register = (program: Command, terminal: Terminal, finish: Finish) => void;

const registers: readonly Register[] = [
  registerRequest,
  registerDecide,
  registerMine,
  registerConnect,
  registerRequests,
  registerStatus,
  registerHistory,
  registerSessions,
  registerBreakGlass,
  registerPeople,
  registerOnCall,
  registerScim,
  registerReport,
  registerAudit,
  registerVerify,
  registerPolicy,
  registerTarget,
  registerMigrate,
  registerDoctor,
  registerFindings,
  registerAlarms,
  registerRecover,
];

/**
 * Runs one command line.
 * @param words the arguments without the program's name
 * @returns the exit code; nothing is thrown and the process is not ended
 */
export async function runCurfew(words: readonly string[], given: Terminal): Promise<ExitCode> {
  const terminal = harmless(given);
  let code: ExitCode = exitCodes.done;
  const program = new Command('curfew')
    .description('Just-in-time access to databases that ends on time, every time.')
    .showHelpAfterError('(add --help for what can be said)')
    .showSuggestionAfterError()
    .addHelpText('after', '\nExit codes: 0 done, 1 refused or something was found, 2 called or configured wrongly.');
  for (const register of registers) register(program, terminal, (finished) => (code = finished));
  for (const command of everyCommand(program)) {
    command
      .exitOverride()
      .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(text) });
  }
  try {
    await program.parseAsync([...words], { from: 'user' });
    return code;
  } catch (thrown) {
    return explain(thrown, terminal);
  }
}

const everyCommand = (command: Command): readonly Command[] => [command, ...command.commands.flatMap(everyCommand)];

/** Commander has told its own errors already. */
function explain(thrown: unknown, terminal: Terminal): ExitCode {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  if (thrown instanceof Stopped) {
    terminal.err(`${thrown.message}\n`);
    return thrown.exitCode;
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const told = thrown instanceof CurfewError ? message : `This did not work: ${message}`;
  // NB. A driver's message may quote an address; whatever looks like a secret is taken out.
  terminal.err(`${hideSecrets(told)}\n`);
  return exitCodes.refused;
}
