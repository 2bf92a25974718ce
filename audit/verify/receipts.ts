/** The receipts of an evidence file, which stand in the order of the entries that name them: one is held at a time. */
import { createHash } from 'node:crypto';
import type { Receipt } from '../../domain/grant.ts';
import { longestEntry, members } from '../evidence/format.ts';
import type { Evidence } from '../evidence/read.ts';
import { singly } from './lines.ts';

type ReceiptOf<Kind extends Receipt['kind']> = Extract<Receipt, { readonly kind: Kind }>;

export type Receipts = {
  /** @returns the receipt with this hash; a sentence where the one that stands here is another one, or none does */
  take<Kind extends Receipt['kind']>(request: string, kind: Kind, hash: string): Promise<ReceiptOf<Kind> | string>;
  /** Those that no entry asked for, by request. */
  left(): Promise<readonly string[]>;
};

export function receiptsOf(evidence: Pick<Evidence, 'lines'>): Receipts {
  const lines = singly(evidence.lines(members.receipts, longestEntry));
  let ahead: IteratorResult<Buffer, undefined> | undefined;
  const peek = async () => (ahead ??= await lines.next());
  return {
    async take<Kind extends Receipt['kind']>(request: string, kind: Kind, hash: string) {
      const line = (await peek()).value;
      const receipt = line && parsed(line);
      if (!line || receipt?.requestId !== request || receipt.kind !== kind)
        return `Its receipt is not in ${members.receipts}.`;
      ahead = undefined;
      const same = createHash('sha256').update(line).digest('hex') === hash;
      return same ? (receipt as ReceiptOf<Kind>) : `Its receipt in ${members.receipts} is another one than it says.`;
    },
    async left() {
      const left: string[] = [];
      for (;;) {
        const { value } = await peek();
        if (!value) return left;
        left.push(parsed(value)?.requestId ?? 'nobody');
        ahead = undefined;
      }
    },
  };
}

function parsed(line: Buffer): Receipt | undefined {
  try {
    const value: unknown = JSON.parse(line.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Receipt) : undefined;
  } catch {
    return undefined;
  }
}
