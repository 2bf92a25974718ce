import { changesNow } from '../../store/session-check.ts';
import { lastSessioned } from '../../store/session-kept.ts';
import { finder, type Check } from '../finding.ts';

const found = finder('I11');

/** Of older ones `curfew sessions` says the same. */
const mostRequests = 50;

/** What is kept of holders' sessions is what the log has the hashes of: of the requests whose sessions ended last. */
export const sessionsAreAsLogged: Check = async ({ store }) => {
  const requests = await lastSessioned(store, mostRequests);
  const findings = [];
  for (const request of requests) {
    // NB. Twice: what a collector writes down in between fits the second time.
    if ((await changesNow(store, request)).length === 0) continue;
    const changes = await changesNow(store, request);
    findings.push(
      ...changes.map(({ node, session, sentence }) =>
        found('session-changed', request.id, `Session ${session} on ${node}: ${sentence}`),
      ),
    );
  }
  return findings;
};
