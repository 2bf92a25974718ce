/**
 * Lines of pgaudit, where a server has it: `AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.orders,"select 1",<none>`
 * (https://github.com/pgaudit/pgaudit, "Format"): CSV after the mark, quotes doubled.
 */
export type Audited = {
  /** e.g. `READ SELECT`. */
  readonly what: string;
  /** null where the statement was told by an earlier line (pgaudit.log_statement_once). */
  readonly text: string | null;
  /** null where there are none, or they are not logged. */
  readonly parameters: string | null;
};

const mark = /^AUDIT: (?:SESSION|OBJECT),/;
/** Nothing of the statement's own: what pgaudit puts where it logs nothing. */
const placeholders = ['<previously logged>', '<not logged>', '<none>', ''];

/** @returns undefined where it is no line of pgaudit's */
export function parseAudited(message: string): Audited | undefined {
  if (!mark.test(message)) return undefined;
  const [, , , group = '', command = '', , , statement = '', parameters = ''] = csv(message.slice('AUDIT: '.length));
  return { what: `${group} ${command}`.trim(), text: told(statement), parameters: told(parameters) };
}

const told = (text: string): string | null => (placeholders.includes(text) ? null : text);

/** Fields of one record (RFC 4180); what stands behind a closing quote belongs to the field. */
function csv(record: string): readonly string[] {
  const fields: string[] = [];
  let field = '';
  let inQuotes = false;
  for (let at = 0; at < record.length; at += 1) {
    const char = record[at] ?? '';
    if (inQuotes && char === '"' && record[at + 1] === '"') {
      field += '"';
      at += 1;
    } else if (char === '"') inQuotes = !inQuotes;
    else if (char === ',' && !inQuotes) {
      fields.push(field);
      field = '';
    } else field += char;
  }
  return [...fields, field];
}
