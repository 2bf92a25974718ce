/** Every environment variable of every process, as the schemas have it: README and docker-compose.yml are held against it. */
import { apiShape } from './api.ts';
import { cliShape, migrateShape } from './cli.ts';
import { collectorShape } from './collector.ts';
import { tableOf, type Variable } from './field.ts';
import { hooksShape } from './hooks.ts';
import { reaperShape } from './reaper.ts';
import { workerShape } from './worker.ts';

export const variables: readonly Variable[] = [
  ...tableOf('api', apiShape),
  ...tableOf('hooks', hooksShape),
  ...tableOf('worker', workerShape),
  ...tableOf('reaper', reaperShape),
  ...tableOf('collector', collectorShape),
  ...tableOf('migrate', migrateShape),
  ...tableOf('cli', cliShape),
];

/** The README's configuration table: one line a variable, in Markdown, with the processes that read it. */
export function variablesTable(): string {
  const names = [...new Set(variables.map((variable) => variable.name))];
  const lines = names.map((name) => {
    const rows = variables.filter((variable) => variable.name === name);
    const told = [...new Set(rows.map((row) => row.what))].join('; ');
    const set = [...new Set(rows.map((row) => (row.required ? 'required' : (row.default ?? ''))))].filter(
      (each) => each !== '',
    );
    return `| \`${name}\` | ${rows.map((row) => row.process).join(', ')} | ${set.join(' / ')} | ${told.replaceAll('|', '\\|')} |`;
  });
  return ['| variable | process | default | what |', '| --- | --- | --- | --- |', ...lines].join('\n');
}
