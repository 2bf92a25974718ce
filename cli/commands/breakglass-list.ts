/** The register of break-glass. */
import { formatInstant } from '../../domain/time.ts';
import { register, type RegisterFilter, type RegisterRow } from '../../store/break-glass-register.ts';
import { parseDay, parseInstant } from '../instant.ts';
import { withAdminStore } from '../settings.ts';
import { exitCodes, printJson, printTable, Stopped, type Terminal } from '../terminal.ts';
import { handlesOf } from './requests.ts';

export type ListOptions = {
  readonly open?: true;
  readonly owed?: true;
  readonly from?: string;
  readonly to?: string;
  readonly json?: true;
};

export async function listBreakGlass(terminal: Terminal, options: ListOptions): Promise<void> {
  const filter: RegisterFilter = {
    ...(options.open ? { only: 'open' } : options.owed ? { only: 'owed' } : {}),
    ...(options.from === undefined ? {} : { fromAt: instantOf(options.from, '--from') }),
    ...(options.to === undefined ? {} : { toAt: instantOf(options.to, '--to') }),
  };
  const rows = await withAdminStore(terminal, async (store) => {
    const found = await register(store, filter);
    const ids = found.flatMap(({ person, review }) => (review ? [person, review.person] : [person]));
    const handles = await handlesOf(store, ids);
    return found.map((row) => shown(row, (id) => handles.get(id) ?? id, terminal.clock()));
  });
  if (options.json) return printJson(terminal, rows);
  if (rows.length === 0) {
    const none = options.open
      ? 'No break-glass is open.'
      : options.owed
        ? 'Nothing waits for a review.'
        : 'Nobody broke glass.';
    return terminal.out(`${none}\n`);
  }
  printTable(
    terminal,
    ['request', 'who', 'target', 'role', 'incident', 'opened', 'announced', 'granted', 'ended', 'review'],
    rows.map((row) => [
      row.request,
      row.who,
      row.target,
      row.role,
      `${row.incident ?? ''}${row.incidentKnown === 'unknown' ? ' (not known)' : ''}`,
      row.openedAt,
      row.announced.map(({ channel, deliveredAt }) => `${channel} ${deliveredAt ?? 'not delivered'}`).join(', '),
      row.grantedAt ?? '-',
      row.endedAt ?? (row.grantedAt === null ? '-' : `by ${row.endAt ?? ''}`),
      reviewWords(row),
    ]),
  );
}

/** Instants as text, people by their handles: no name, no e-mail, no reason. */
const shown = (row: RegisterRow, handle: (id: RegisterRow['person']) => string, now: number) => ({
  request: row.requestId,
  who: handle(row.person),
  target: row.target,
  role: row.role,
  incident: row.incident,
  incidentKnown: row.incidentKnown,
  openedAt: formatInstant(row.openedAt),
  state: row.state,
  announced: row.announced.map(({ channel, committedAt, deliveredAt }) => ({
    channel,
    committedAt: formatInstant(committedAt),
    deliveredAt: textOf(deliveredAt),
  })),
  grantedAt: textOf(row.grantedAt),
  endAt: textOf(row.endAt),
  endedAt: textOf(row.endedAt),
  review: row.review && {
    who: handle(row.review.person),
    verdict: row.review.verdict,
    at: formatInstant(row.review.reviewedAt),
  },
  owedFrom: textOf(row.owedFromAt),
  debt: row.owedFromAt !== null && row.owedFromAt <= now,
});

const textOf = (at: number | null): string | null => (at === null ? null : formatInstant(at));

function reviewWords({ review, debt, owedFrom, endedAt }: ReturnType<typeof shown>): string {
  if (review) return `${review.verdict} (${review.who}, ${review.at})`;
  if (debt) return `OWED since ${owedFrom ?? ''}`;
  return endedAt === null ? '-' : `waits, owed from ${owedFrom ?? ''}`;
}

/** @throws Stopped for what names no instant; a day begins in UTC */
function instantOf(text: string, option: string): number {
  const at = parseInstant(text) ?? parseDay(text);
  if (at === undefined)
    throw new Stopped(
      `Write ${option} as 2026-12-01, or with its time zone as 2026-12-01T08:00+01:00.`,
      exitCodes.usage,
    );
  return at;
}
