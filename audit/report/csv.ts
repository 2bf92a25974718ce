/** Comma-separated values (RFC 4180) that a spreadsheet takes for text, whatever somebody has written into them. */

export type CsvValue = string | number | boolean | null;

/**
 * One line, with its CRLF. A text that a spreadsheet would run (it begins with `=`, `+`, `-`, `@`, a tab or a line
 * break, also after spaces; OWASP, "CSV Injection") begins with an apostrophe instead, which shows that it is text.
 * Numbers are numbers. Null is an empty field; an empty text is `""`.
 */
export const csvLine = (values: readonly CsvValue[]): string => `${values.map(csvField).join(',')}\r\n`;

function csvField(value: CsvValue): string {
  if (value === null) return '';
  if (typeof value !== 'string') return String(value);
  const text = /^\s*[=+\-@]|^[\t\r\n]/.test(value) ? `'${value}` : value;
  return text === '' || /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
