/** How a report's values are written: instants in UTC, lists in one cell. */
import { formatInstant } from '../../domain/time.ts';

export type Column = { readonly name: string; readonly is?: 'instant' | 'list' };
export type Cell = string | number | boolean | null | readonly string[];
export type Row = Readonly<Record<string, Cell>>;

/** A row as JSON has it: instants as ISO 8601 in UTC, lists as lists, and every column, in the columns' order. */
export const jsonRow = (columns: readonly Column[], row: Row): Readonly<Record<string, Cell>> =>
  Object.fromEntries(
    columns.map(({ name, is }) => {
      const value = row[name] ?? null;
      return [name, is === 'instant' && typeof value === 'number' ? formatInstant(value) : value];
    }),
  );

/** A row as one line of cells: `true` is yes, and the texts of a list stand side by side. */
export const cellsOf = (columns: readonly Column[], row: Row): readonly (string | number | null)[] => {
  const values = jsonRow(columns, row);
  return columns.map(({ name }) => {
    const value = values[name] ?? null;
    if (typeof value === 'boolean') return value ? 'yes' : 'no';
    return value !== null && typeof value === 'object' ? value.join('; ') : value;
  });
};
