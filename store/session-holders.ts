/** Texts can hold personal data, so they are kept only where somebody is known who can be erased, and was not. */
import type { Db } from './pool.ts';
import type { SessionLine } from './session-fold.ts';

/**
 * These lines, without what clients wrote themselves where that must not be kept. To be called in the transaction that
 * writes them down: an erasure waits for it.
 */
export async function withTextsOfHolders(tx: Db, lines: readonly SessionLine[]): Promise<readonly SessionLine[]> {
  const requests = [...new Set(lines.map(({ requestId }) => requestId))];
  const holders = await tx.query<{ requestId: string; known: boolean }>(
    'select request_id as "requestId", known from curfew.holders($1::uuid[])',
    [requests],
  );
  const known = new Set(holders.flatMap((holder) => (holder.known ? [holder.requestId] : [])));
  return lines.map((line) => (known.has(line.requestId) ? line : { ...line, event: withoutTexts(line.event) }));
}

function withoutTexts(event: SessionLine['event']): SessionLine['event'] {
  if (event.kind === 'opened') return { ...event, application: null };
  return event.kind === 'statement' ? { ...event, text: null, parameters: null } : event;
}
