/** What reports are asked with: a period, whose, of which target, and how they are written. */
import { Option, type Command } from 'commander';
import type { PersonId } from '../../domain/ids.ts';
import { dayMs } from '../../domain/time.ts';
import type { Bounds } from '../../store/log-pages.ts';
import type { Db } from '../../store/pool.ts';
import { parseDay, parseInstant } from '../instant.ts';
import { exitCodes, Stopped } from '../terminal.ts';
import { idIn } from '../whole-id.ts';
import { personOf } from './requests.ts';

export const formats = ['table', 'csv', 'json'] as const;
export type Format = (typeof formats)[number];

export type PeriodOptions = { readonly from?: string; readonly to?: string };
export type ReportOptions = PeriodOptions & {
  readonly target?: string;
  readonly person?: string;
  readonly format?: Format;
  readonly json?: true;
};

/** From the first instant until just before the second, epoch ms. */
export type Period = { readonly fromAt: number; readonly toAt: number };

const usualMs = 90 * dayMs;

export const withPeriod = (command: Command): Command =>
  command
    .option('--from <instant>', 'from then on; unset: 90 days before the end')
    .option('--to <instant>', 'until then; unset: now');

export const withFormat = (command: Command): Command =>
  command
    .addOption(new Option('--format <format>', 'how it is written; unset: table').choices(formats))
    .addOption(new Option('--json', 'the same as --format json').conflicts('format'));

export const formatOf = ({ format, json }: ReportOptions): Format => format ?? (json ? 'json' : 'table');

/** @throws Stopped where they are no instants, or in the wrong order */
export function periodOf({ from, to }: PeriodOptions, now: number): Period {
  const toAt = to === undefined ? now : instantOf(to, '--to');
  const fromAt = from === undefined ? toAt - usualMs : instantOf(from, '--from');
  if (fromAt >= toAt)
    throw new Stopped(
      `--from must lie before --to${to === undefined ? ', which is now where it is not given' : ''}.`,
      exitCodes.usage,
    );
  return { fromAt, toAt };
}

/**
 * Of an export. The end is no instant unless one was named: what a clock behind the store's would leave out would come in
 * no later export, whose places begin after this one's. And what follows a place is all of it, whenever it was.
 * @param goesOn after a place, of an export before
 * @throws Stopped where they are no instants, or in the wrong order
 */
export function boundsOf(options: PeriodOptions, now: number, goesOn: boolean): Bounds {
  const fromAt = options.from === undefined && goesOn ? null : periodOf(options, now).fromAt;
  return { fromAt, toAt: options.to === undefined ? null : instantOf(options.to, '--to') };
}

function instantOf(text: string, option: string): number {
  const at = parseDay(text) ?? parseInstant(text);
  if (at !== undefined) return at;
  throw new Stopped(
    `${option} takes a day (in UTC) or an instant: 2026-07-01, 2026-07-01T09:00+02:00.`,
    exitCodes.usage,
  );
}

/** @throws Stopped for an empty one, as of a variable that is not set: what is of no target is no report */
export function targetNamed(text: string): string {
  if (text.trim() === '') throw new Stopped('--target takes the name of a target.', exitCodes.usage);
  return text;
}

/** The person whom a handle or an id names: an id also where they were erased, for their acts are not. */
export const whose = async (db: Db, named: string | undefined): Promise<PersonId | null> =>
  named === undefined ? null : ((idIn(named) as PersonId | undefined) ?? personOf(db, named));
