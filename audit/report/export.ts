/** The log's entries in the forms in which they leave it. */
import { isRefusal } from '../../domain/errors.ts';
import { parseLine, type PlacedEntry } from '../entry-line.ts';
import { ocsfEvent } from '../ocsf/event.ts';
import { csvLine } from './csv.ts';
import { sentenceOf } from '../../domain/events/sentence.ts';

export const exportFormats = ['jsonl', 'csv', 'ocsf'] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** One entry as the store has it: its place, and the bytes of its leaf. */
export type PlacedLine = { readonly index: number; readonly line: Uint8Array };

/** @throws Error for a line that is none: the log was changed by hand */
export function placedEntry({ index, line }: PlacedLine): PlacedEntry {
  const entry = parseLine(line);
  if (isRefusal(entry))
    throw new Error(`The entry at place ${index} is not in the form of the log: run curfew doctor.`);
  return { ...entry, index };
}

const columns = ['index', 'id', 'at', 'login', 'kind', 'actor', 'subject', 'sentence', 'body'] as const;

/** What stands above the first line; nothing where a format has no heading. */
export const exportHead = (format: ExportFormat): string => (format === 'csv' ? csvLine(columns) : '');

/** What every export in a format begins with, by which one is known that was cut in its first line. */
export const firstBytes: Readonly<Record<ExportFormat, string>> = {
  jsonl: '{"index":',
  csv: exportHead('csv'),
  ocsf: '{"metadata":',
};

/** One line for an entry, with its end. Its place is `index`, or `metadata.sequence` in an event of OCSF. */
export function exportLine(format: ExportFormat, placed: PlacedLine): string {
  const entry = placedEntry(placed);
  const { index, id, at, login, kind, actor, subject, body } = entry;
  const sentence = sentenceOf(entry);
  if (format === 'csv') return csvLine([index, id, at, login, kind, actor, subject, sentence, JSON.stringify(body)]);
  if (format === 'jsonl') return `${JSON.stringify({ index, id, at, login, kind, actor, subject, sentence, body })}\n`;
  return `${JSON.stringify(ocsfEvent({ entry, line: Buffer.from(placed.line).toString('utf8'), sentence }))}\n`;
}

/**
 * The place that a whole line of an export is of.
 * @returns undefined for a heading, and for what is no line of one
 */
export function placeIn(format: ExportFormat, line: string): number | undefined {
  const text = format === 'csv' ? /^(\d{1,15}),/.exec(line)?.[1] : jsonPlace(format, line);
  const place = Number(text ?? Number.NaN);
  return Number.isSafeInteger(place) && place >= 0 ? place : undefined;
}

function jsonPlace(format: ExportFormat, line: string): number | undefined {
  try {
    const value = JSON.parse(line) as { index?: number; metadata?: { sequence?: number } };
    return format === 'ocsf' ? value.metadata?.sequence : value.index;
  } catch {
    return undefined;
  }
}
