/** Comma-separated values that no spreadsheet runs. */
import { expect, test } from 'vitest';
import { csvLine } from '../audit/report/csv.ts';

test.each([
  ['=1+2', "'=1+2"],
  ['+1', "'+1"],
  ['-2+3', "'-2+3"],
  ['@SUM(A1)', "'@SUM(A1)"],
  ['  =cmd', "'  =cmd"],
  ['\t=1', "'\t=1"],
  ['\r=1', `"'\r=1"`],
  ['=HYPERLINK("http://x","y")', `"'=HYPERLINK(""http://x"",""y"")"`],
])('a text that begins like a formula is a text: %j', (text, field) => {
  expect(csvLine([text])).toBe(`${field}\r\n`);
});

test('quotes, commas and line breaks are kept as RFC 4180 has them', () => {
  expect(csvLine(['a,b', 'say "no"', 'two\nlines', 'plain'])).toBe('"a,b","say ""no""","two\nlines",plain\r\n');
});

test('numbers are numbers, below zero too; nothing is an empty field, and an empty text is told from it', () => {
  expect(csvLine([-1, 2.5, true, null, ''])).toBe('-1,2.5,true,,""\r\n');
});
