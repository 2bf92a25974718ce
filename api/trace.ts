import { randomUUID } from 'node:crypto';
import type { Request, RequestHandler, Response } from 'express';
import type { Log } from '../service/context.ts';

/** The id of this HTTP request: in the answer's header, in every problem, and in the log line. */
export const idOf = (response: Response): string => String(response.locals['traceId'] ?? 'unknown');

/**
 * Gives each HTTP request an id and one log line when it is answered: method, route, status and milliseconds. The route
 * is the pattern that matched, never what was asked for: somebody may paste a code where it does not belong. No header
 * and no body either, so no verifier and no signature can be in it (I12).
 */
export const trace =
  (log: Log, clock: () => number): RequestHandler =>
  (request, response, next) => {
    const startedAt = clock();
    const id = randomUUID();
    response.locals['traceId'] = id;
    response.setHeader('X-Request-Id', id);
    response.on('finish', () => {
      const fields = { requestId: id, method: request.method, route: routeOf(request), status: response.statusCode };
      log.info({ ...fields, ms: clock() - startedAt }, 'answered');
    });
    next();
  };

const routeOf = (request: Request): string => {
  const path: unknown = (request.route as { readonly path?: unknown } | undefined)?.path;
  return typeof path === 'string' ? path : 'none';
};
