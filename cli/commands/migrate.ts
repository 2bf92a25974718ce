import { readMigrateConfig } from '../../config/cli.ts';
import { describeProblems } from '../../config/field.ts';
import { migrate } from '../../store/migrate.ts';
import type { Register } from '../program.ts';
import { exitCodes, printJson, Stopped } from '../terminal.ts';

export const registerMigrate: Register = (program, terminal) => {
  program
    .command('migrate')
    .summary("bring the store's tables and logins to this version")
    .description(
      'Brings the store to this version: tables, roles, privileges, and the passwords of CURFEW_STORE_PASSWORDS. May be run again, and by two at once. The database must exist; the login of CURFEW_MIGRATE_URL owns it or is a superuser.',
    )
    .option('--json', 'print what ran as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  CURFEW_MIGRATE_URL=postgres://admin:...@db:5432/curfew curfew migrate\n  curfew migrate --json',
    )
    .action(async (options: { json?: true }) => {
      const read = readMigrateConfig(terminal.env, terminal.readText);
      if (!read.ok) throw new Stopped(describeProblems(read.problems), exitCodes.usage);
      const { applied } = await migrate({ adminUrl: read.config.url, passwords: read.config.passwords });
      if (options.json) return printJson(terminal, { applied });
      terminal.out(
        applied.length === 0 ? 'The store is up to date.\n' : applied.map((name) => `applied ${name}\n`).join(''),
      );
    });
};
