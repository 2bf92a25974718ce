import { writeFileSync } from 'node:fs';
import { newKey } from '../../audit/signed-note.ts';
import { auditSettings, keyringOf } from '../audit-log.ts';
import { newFile } from '../new-file.ts';
import { exitCodes, printJson, Stopped, type Terminal } from '../terminal.ts';
import type { AddAudit } from './audit.ts';

/** `curfew audit key`: what signs the log, and what everybody checks it by. */
export const addAuditKey: AddAudit = (audit, terminal) => {
  const key = audit
    .command('key')
    .summary('make the key that signs the log, or show its public half')
    .description('The keys of the log: Ed25519, in the text form of signed notes, kept outside the database.');
  key
    .command('new')
    .summary('make a key')
    .description(
      'Makes a key, writes it to a file that nobody else may read, and prints its public half for auditors. To replace a key, put the new one above the old one in the same file: both sign, until the old line is taken out, or replaced by its public half.',
    )
    .requiredOption('-o, --output <file>', 'where to write it; the file must not be there')
    .option('--name <name>', 'name of the key; unset: CURFEW_AUDIT_NAME')
    .addHelpText('after', '\nExamples:\n  curfew audit key new -o /etc/curfew/audit.key')
    .action((options: { readonly output: string; readonly name?: string }) => makeKey(terminal, options));
  key
    .command('show')
    .summary('print the public halves')
    .description('Prints the public halves of the keys that are set: `curfew verify --key` takes them.')
    .option('--json', 'print them as JSON')
    .addHelpText('after', '\nExamples:\n  curfew audit key show')
    .action(async ({ json }: { readonly json?: true }) => {
      const keyring = await keyringOf(auditSettings(terminal));
      if (!keyring)
        throw new Stopped('No key is set: CURFEW_AUDIT_KEY_FILE or CURFEW_AUDIT_KEY_COMMAND.', exitCodes.usage);
      const signs = new Set(keyring.signers.map(({ id }) => id));
      const keys = keyring.verifiers.map(({ id, text }) => ({ id, key: text, signs: signs.has(id) }));
      if (json) return printJson(terminal, keys);
      for (const one of keys) terminal.out(`${one.key}${one.signs ? '' : '  (does not sign any more)'}\n`);
    });
};

async function makeKey(
  terminal: Terminal,
  { output, name }: { readonly output: string; readonly name?: string },
): Promise<void> {
  const { signer, verifier } = newKey(nameOf(name ?? auditSettings(terminal).name));
  await newFile(terminal, output, () => writeFileSync(output, `${signer}\n`, { flag: 'r+', flush: true }));
  terminal.err(`The key is in ${output}. Give auditors its public half:\n`);
  terminal.out(`${verifier}\n`);
}

function nameOf(name: string): string {
  if (!/^[A-Za-z0-9._-]{1,100}$/.test(name))
    throw new Stopped('--name takes letters, digits, dots and dashes.', exitCodes.usage);
  return name;
}
