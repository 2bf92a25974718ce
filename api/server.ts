import express, { type ErrorRequestHandler, type Express, type Router } from 'express';
import { CurfewError, refuse } from '../domain/errors.ts';
import type { Log } from '../service/context.ts';
import type { UseCases } from '../service/contract.ts';
import type { Acting } from '../service/acting.ts';
import type { ConditionHook } from '../service/conditions.ts';
import type { HrUseCases } from '../service/deliver.ts';
import { createGuesses, type Guesses } from './guesses.ts';
import { httpProblem, problemOf, sendProblem } from './problem.ts';
import { actingRoutes } from './routes/acting.ts';
import { claimPage } from './routes/claim-page.ts';
import { claimRoutes } from './routes/claim.ts';
import { healthRoutes, type Readiness } from './routes/health.ts';
import { conditionHooks } from './routes/hooks-conditions.ts';
import { hrHooks } from './routes/hooks-hr.ts';
import { oktaHooks } from './routes/hooks-okta.ts';
import { sourceHooks, type SourceHook } from './routes/hooks-sources.ts';
import { scimRoutes, type ScimParts } from './routes/scim.ts';
import { idOf, trace } from './trace.ts';

export type ServerParts = {
  /** Absent: nobody claims here; hooks run apart. */
  readonly useCases?: Pick<UseCases, 'peek' | 'claim' | 'claimStatus'>;
  /** Absent: nobody acts from the command line. */
  readonly acting?: Acting;
  /** Absent: this process takes no HR events. */
  readonly hr?: { readonly secrets: readonly string[]; readonly useCases: HrUseCases };
  /** Sources of people that are configured by a file, with their hooks. */
  readonly sources?: readonly SourceHook[];
  /** Absent: this process takes no SCIM. */
  readonly scim?: Omit<ScimParts, 'log'>;
  /** Absent: this process is told of no incident's or ticket's end. */
  readonly conditions?: { readonly secrets: readonly string[]; readonly hook: ConditionHook };
  /** Slack's receiver; absent in Socket Mode and without Slack. */
  readonly slack?: Router;
  readonly needs: Readiness;
  readonly clock: () => number;
  readonly log: Log;
  readonly guesses?: Guesses;
  /** How many proxies in front are believed about where a call came from; none where absent. */
  readonly trustedProxies?: number;
};

/** The HTTP surface. Knows no environment and opens nothing: the composition root listens. */
export function createServer(parts: ServerParts): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', false);
  app.set('trust proxy', parts.trustedProxies ?? 0);
  app.use(trace(parts.log, parts.clock));
  // NB. Before anything that parses a body: Slack's signature is over the raw stream, and the receiver reads it itself.
  if (parts.slack) app.use(parts.slack);
  app.use(healthRoutes(parts.needs));
  if (parts.useCases) {
    app.use(claimPage());
    app.use(claimRoutes(parts.useCases, parts.guesses ?? createGuesses(parts.clock)));
  }
  // Counted by themselves: a script that goes on with a code which is over must not keep its whole office from claiming.
  if (parts.acting) app.use(actingRoutes(parts.acting, parts.guesses ?? createGuesses(parts.clock)));
  if (parts.hr) app.use(hrHooks(parts.hr.secrets, parts.hr.useCases));
  if (parts.sources) app.use(sourceHooks(parts.sources, parts.clock)).use(oktaHooks(parts.sources));
  if (parts.scim) app.use(scimRoutes({ ...parts.scim, log: parts.log }));
  if (parts.conditions) app.use(conditionHooks(parts.conditions.secrets, parts.conditions.hook));
  app.use((_request, response) => {
    sendProblem(response, httpProblem('NotFound', 'There is nothing at this address.', idOf(response)));
  });
  app.use(lastResort(parts.log));
  return app;
}

/** body-parser's errors carry a `type`; https://github.com/expressjs/body-parser documents them. */
type BodyError = { readonly type?: unknown; readonly status?: unknown };

/** Whatever was thrown becomes a problem with an id; the sentence of an unexpected error stays in the log. */
const lastResort =
  (log: Log): ErrorRequestHandler =>
  (thrown: unknown, _request, response, next) => {
    if (response.headersSent) return next(thrown);
    const id = idOf(response);
    const { type, status } = (thrown ?? {}) as BodyError;
    if (thrown instanceof CurfewError) return sendProblem(response, problemOf(refuse(thrown.code, thrown.message), id));
    if (type === 'entity.too.large') return sendProblem(response, httpProblem('TooLarge', 'Send less.', id));
    if (status === 415) return sendProblem(response, httpProblem('UnsupportedMediaType', 'Send plain UTF-8 JSON.', id));
    if (typeof status === 'number' && status >= 400 && status < 500) {
      return sendProblem(response, problemOf(refuse('InvalidInput', 'The request could not be read.'), id));
    }
    log.error({ requestId: id, err: thrown }, 'unexpected');
    sendProblem(response, httpProblem('Internal', `Something went wrong here. Tell an operator this id: ${id}.`, id));
  };
