import { finder, type Check } from '../finding.ts';

const found = finder('I16');

/** What is shown as ended has a receipt in which every node, read after the revoke began, had nothing left. */
export const revokedWasSeen: Check = ({ targets, records, now }) =>
  [...records.values()].flatMap((record) => {
    const { grant, revoked } = record;
    const shown = (record.state === 'closed' && grant !== null) || (grant?.endedAt ?? null) !== null;
    if (shown && !revoked) return [found('no-receipt', record.id, 'It is shown as ended without the evidence.')];
    if (!revoked) return [];
    const left =
      revoked.nodes.length === 0 || revoked.nodes.some((node) => !node.ended || node.sessionsLeft > 0 || node.canLogin);
    const early = revoked.nodes.some((node) => node.verifiedAt < revoked.startedAt);
    // Sessions were read after `now`: one that is there then, was there after an older receipt.
    const session =
      revoked.verifiedAt < now && targets.some((target) => target.sessions.some((one) => one.role === revoked.role));
    return [
      ...(left ? [found('left', record.id, 'Its receipt does not say that nothing was left.')] : []),
      ...(early ? [found('early', record.id, 'Its receipt was read before its revoke began.')] : []),
      ...(session ? [found('session', record.id, 'It is shown as ended and has a session.')] : []),
    ];
  });
