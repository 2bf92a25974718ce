/** The sample company's people file, which an import may change. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from './report.ts';

const text = (): string => readFileSync(join(import.meta.dirname, '..', 'company', 'people.yaml'), 'utf8');

/** The file with other words in somebody's entry. @throws where their entry does not say what is to be replaced */
export function peopleWith(
  ...changes: readonly { readonly of: string; readonly from: string; readonly to: string }[]
): string {
  return changes.reduce((before, { of, from, to }) => {
    const entries = before.split(/(?=^ {2}- handle: )/m);
    const at = entries.findIndex((entry) => entry.startsWith(`  - handle: ${of}\n`));
    const entry = entries[at];
    must(entry !== undefined && entry.includes(from), `people.yaml does not say "${from}" of ${of} any more`);
    return entries.with(at, entry.replace(from, to)).join('');
  }, text());
}
