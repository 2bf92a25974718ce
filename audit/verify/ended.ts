/** Check 5: every grant had what its plan wants before it was made, and a receipt says that nothing was left of it. */
import type { SessionBodies } from '../../domain/events/session.ts';
import { roleOf } from '../../domain/ids.ts';
import { sessionsClosed, type GrantReceipt, type RevokeReceipt } from '../../domain/grant.ts';
import { clocksApartMs, secondMs } from '../../domain/units.ts';
import type { PlacedEntry } from '../entry-line.ts';
import { checkApproved } from './approved.ts';
import {
  isGranted,
  textIn,
  type Alarm,
  type Case,
  type Cases,
  type EndedBody,
  type ExtensionMadeBody,
  type Granted,
  type GrantBody,
} from './case.ts';
import { whyNotExtended, whyNotMoved } from './extended.ts';
import { apartMs } from './instants.ts';
import { isNothingLeft, latenessOf, noteClusterAlarm, saidOver, skewMs } from './late.ts';
import type { Receipts } from './receipts.ts';
import type { Tally } from './report.ts';

const early = 'It ended before it was granted.';
const overKinds: ReadonlySet<string> = new Set(['end.asked', 'condition.ended', 'grant.ended']);

/** A grant of which the log does not say yet that it has ended. */
export type OpenGrant = {
  readonly request: string;
  readonly index: number;
  readonly target: string;
  readonly endAt: number;
};

export type EndedCheck = {
  see(entry: PlacedEntry): Promise<void> | undefined;
  /**
   * What was over by where the log comes to had to have ended: by its newest entry, or by the newest checkpoint as far as
   * whoever signed that may have been ahead of the store.
   * @param signedAt of the newest checkpoint, epoch ms
   */
  finish(signedAt: number): Promise<readonly OpenGrant[]>;
};

export function checkEnded(cases: Cases, receipts: Receipts, tally: Tally): EndedCheck {
  /** Of what is no request: clusters that nobody looks after, or can reach. */
  const clusters: Alarm[] = [];
  const approved = checkApproved(tally);
  let newestAt = -Infinity;

  async function granted(entry: PlacedEntry, one: Case): Promise<void> {
    const body = entry.body as unknown as GrantBody;
    tally.count('grants');
    const receipt = await receipts.take(entry.subject, 'grant', body.receipt);
    const wrong = typeof receipt === 'string' ? [receipt] : whyNotOf(receipt, one, body);
    if (typeof receipt !== 'string') tally.count('receipts');
    for (const why of wrong) tally.bad(entry, why);
    const { cluster } = entry.body;
    if (cluster !== undefined && textIn(entry, 'cluster') === '')
      tally.bad(entry, 'It does not say in which cluster its target is.');
    if (entry.actor !== one.entry.actor) tally.bad(entry, 'It names somebody else than who asked for it.');
    approved.granted(entry, one);
  }

  async function ended(entry: PlacedEntry, one: Case | undefined): Promise<void> {
    const body = entry.body as unknown as EndedBody;
    tally.count('ends');
    const receipt = await receipts.take(entry.subject, 'revoke', body.receipt);
    if (typeof receipt === 'string') return tally.bad(entry, receipt);
    tally.count('receipts');
    for (const why of whyNotEnded(receipt, entry.subject, body, one)) tally.bad(entry, why);
    if (one && isGranted(one)) late(entry, one, body);
  }

  async function extended(entry: PlacedEntry, one: Case | undefined): Promise<void> {
    const body = entry.body as unknown as ExtensionMadeBody;
    tally.count('extensions');
    for (const why of one ? whyNotExtended(one, body) : []) tally.bad(entry, why);
    if (entry.body['receipt'] === undefined)
      return isOlder(entry) ? tally.count('extensions without a receipt') : tally.bad(entry, 'It names no receipt.');
    const receipt = await receipts.take(entry.subject, 'extension', body.receipt);
    if (typeof receipt === 'string') return tally.bad(entry, receipt);
    tally.count('receipts');
    for (const why of whyNotMoved(receipt, entry.subject, body, one)) tally.bad(entry, why);
  }

  function late(entry: PlacedEntry, one: Granted, body: EndedBody): void {
    const { verifiedAt } = body;
    // NB. Told by the writer's clock, and stamped by the store's: whichever is earlier, nothing was left by then.
    const lateness = latenessOf(one, saidOver(one, entry, body), clusters);
    if (!(verifiedAt >= one.grant.entry.atMs - apartMs)) tally.bad(entry, early);
    if (Math.abs(entry.atMs - verifiedAt) > skewMs)
      tally.count('ends that were written down over a minute from when they were verified');
    if (lateness.kind === 'onTime') tally.count(lateness.counted);
    else if (lateness.loud) tally.count('ended later, with an alarm');
    else {
      const seconds = Math.round(lateness.byMs / secondMs);
      tally.bad(entry, `It ended ${seconds} s after it should have, and nobody was told.`);
    }
  }

  /** The reaper may have ended it before the store was told that it was granted, and not before it was. */
  function reaped({ grant, reaped: words }: Granted): void {
    for (const entry of words.splice(0))
      if (!(Number(entry.body['verifiedAt']) >= grant.body.grantedAt - apartMs)) tally.bad(entry, early);
  }

  function session(entry: PlacedEntry, one: Case | number): void {
    tally.count('sessions');
    const { openedAt } = entry.body as unknown as SessionBodies['session.opened'];
    if (!Number.isSafeInteger(openedAt)) return tally.bad(entry, 'It does not say when it began.');
    const made = typeof one === 'number' ? undefined : one.grant?.body;
    if (typeof one === 'number') {
      if (!(openedAt <= one + skewMs)) tally.bad(entry, 'It began after nothing was left of its grant.');
    } else if (!made) tally.bad(entry, 'It is a session of what was never granted.');
    else if (!(openedAt >= made.grantedAt - skewMs)) tally.bad(entry, 'It is older than its grant.');
    if (typeof one !== 'number' && openedAt > (one.sessionAt ?? -Infinity)) one.sessionAt = openedAt;
  }

  return {
    see(entry) {
      newestAt = Math.max(newestAt, entry.atMs);
      const one = cases.of(entry.subject);
      const open = typeof one === 'number' ? undefined : one;
      if (one === undefined) noteClusterAlarm(clusters, entry);
      if (open && overKinds.has(entry.kind)) approved.over(entry, open);
      if (open && isGranted(open)) reaped(open);
      if (entry.kind === 'grant.made' && open) return granted(entry, open);
      if (entry.kind === 'grant.ended') return ended(entry, open);
      if (entry.kind === 'extension.made') return extended(entry, open);
      if (entry.kind === 'session.opened' && one !== undefined) session(entry, one);
      return undefined;
    },
    async finish(signedAt) {
      const live: OpenGrant[] = [];
      const at = Math.max(newestAt, signedAt - apartMs);
      approved.finish(at);
      for (const one of cases.left()) {
        if (!isGranted(one) || one.state.kind === 'closed') continue;
        const { entry, body } = one.grant;
        const lateness = latenessOf(one, Math.min(at, one.safeAt ?? Infinity), clusters);
        if (lateness.kind === 'late' && !lateness.loud)
          tally.bad(entry, 'It is over, and no entry says that nothing is left of it.');
        else if (one.safeAt !== undefined) tally.count('over, and not closed yet');
        else live.push({ request: one.id, index: entry.index, target: body.target, endAt: one.endAt ?? body.endAt });
      }
      tally.count('open', live.length);
      for (const request of await receipts.left())
        tally.bad('receipts.jsonl', `No entry names the receipt of ${request} that stands here.`);
      return live;
    },
  };
}

/** Of a later end: it has the hash of what was read back, of which no receipt was kept then. */
const isOlder = (entry: PlacedEntry): boolean => /^[0-9a-f]{64}$/.test(textIn(entry, 'evidence'));

function whyNotOf(receipt: GrantReceipt, one: Case, body: GrantBody): readonly string[] {
  const { opened, id } = one;
  const claim = one.claim?.body;
  return [
    ...(receipt.role === roleOf(id) && body.role === receipt.role ? [] : ['The login is not the one of this request.']),
    ...(body.target === opened.target && receipt.target === opened.target ? [] : ['It was granted on another target.']),
    ...(body.template === opened.template && receipt.template === opened.template
      ? []
      : ['It gives another template.']),
    ...(receipt.endAt === body.endAt ? [] : ['Its receipt has another end.']),
    ...(claim && !(body.endAt <= claim.endAt) ? ['It lasts longer than was accepted.'] : []),
    ...(claim && !(claim.endAt - claim.acceptedAt <= opened.durationMs) ? ['It lasts longer than was approved.'] : []),
    // Not before its grace: an attempt whose answer was lost may have made it, and the next one says when it was told so.
    ...(body.grantedAt <= body.endAt + clocksApartMs ? [] : ['It was granted after its end.']),
  ];
}

function whyNotEnded(
  receipt: RevokeReceipt,
  request: string,
  body: EndedBody,
  one: Case | undefined,
): readonly string[] {
  const open = receipt.nodes.filter((node) => !isNothingLeft([node]));
  return [
    ...(receipt.role === `cfw_${request.replaceAll('-', '')}` && body.role === receipt.role
      ? []
      : ['The login is not the one of this request.']),
    ...(receipt.target === body.target ? [] : ['Its receipt is of another target.']),
    ...(one === undefined || body.target === one.opened.target ? [] : ['It ended on another target than it was for.']),
    ...(receipt.verifiedAt === body.verifiedAt ? [] : ['Its receipt was verified at another instant.']),
    ...(sessionsClosed(receipt) === body.sessionsClosed ? [] : ['Its receipt closed another number of sessions.']),
    ...(receipt.nodes.length === 0 ? ['No node said that nothing is left.'] : []),
    ...open.map(({ node }) => `${node} had something left of it.`),
  ];
}
