/**
 * Slack over HTTP: Bolt's receiver on a router of ours, to be mounted before any body parser, because signatures are
 * over the raw bytes. Bolt refuses bad signatures and stamps older than five minutes; future stamps are refused here.
 */
import { ExpressReceiver, type Logger } from '@slack/bolt';
import { Router, type RequestHandler } from 'express';
import { deliveryRefused } from '../domain/events/operation.ts';
import { minuteMs, secondMs } from '../domain/time.ts';
import type { Desk } from './service.ts';

/** Both ways: a payload from the future would be good for longer than one from now. */
export const maxSkewMs = 5 * minuteMs;

/** Where Slack posts commands, clicks, forms and events. */
export const slackPath = '/slack/events';

/** More than Slack sends: a form of 100 fields of 3,000 characters, twice, escaped. */
const bodyLimit = '2mb';

export function httpReceiver(desk: Desk, signingSecret: string, logger: Logger): ExpressReceiver {
  // Bolt verifies nothing with an empty secret but what anybody can compute.
  if (signingSecret.trim() === '') throw new TypeError('the Slack signing secret is empty');
  const router = Router();
  router.use(slackPath, watchForgeries(desk), refuseSkew(desk.clock));
  return new ExpressReceiver({ signingSecret, router, endpoints: slackPath, bodyLimit, logger });
}

const refuseSkew =
  (clock: () => number): RequestHandler =>
  (request, response, next) => {
    const stamp = request.get('x-slack-request-timestamp') ?? '';
    const at = /^\d{1,12}$/.test(stamp) ? Number(stamp) * secondMs : Number.NaN;
    if (Math.abs(clock() - at) <= maxSkewMs) return next();
    response.status(401).end();
  };

/** Audited at most once a minute, with how many there were: anybody can send rubbish, and nobody may fill the log with it. */
function watchForgeries(desk: Desk): RequestHandler {
  let since = 0;
  let nextAt = 0;
  return (_request, response, next) => {
    response.on('finish', () => {
      if (response.statusCode !== 401) return;
      since += 1;
      if (desk.clock() < nextAt) return;
      const body = { why: 'signature', count: since } as const;
      since = 0;
      nextAt = desk.clock() + minuteMs;
      desk.log.warn(body, 'deliveries without a good signature or stamp were refused');
      desk.records.audit(deliveryRefused('curfew_api', 'slack', body)).catch((error: unknown) => {
        desk.log.error({ err: error }, 'refused deliveries could not be audited');
      });
    });
    next();
  };
}
