/** Who calls: RFC 6750, a token of `curfew scim token make`. */
import type { Request, RequestHandler, Response } from 'express';
import type { ScimCaller, ScimUseCases } from '../../service/contract-scim.ts';
import type { ScimScope } from '../../store/scim-tokens.ts';
import { sendFailure } from './answers.ts';

/** Discovery needs a token and no scope. */
export function scopeOf(method: string, path: string): ScimScope | undefined {
  const kind = /^\/(users|groups)(?:\/|$)/i.exec(path)?.[1]?.toLowerCase();
  if (kind === undefined) return undefined;
  const act = method === 'GET' || method === 'HEAD' ? 'read' : 'write';
  return `${kind as 'users' | 'groups'}:${act}`;
}

export const callerOf = (response: Response): ScimCaller => response.locals['scimCaller'] as ScimCaller;

/**
 * Refuses, and writes down, every call whose token does not hold or does not reach. NB. Nobody is turned away for
 * another's wrong tokens: 256 bits cannot be guessed, and behind a proxy all calls come from one address, also the one
 * that says who has left.
 */
export const bearer =
  (useCases: ScimUseCases): RequestHandler =>
  async (request, response, next) => {
    const caller = await shownBy(request, useCases);
    if (!caller) {
      await useCases.refuseToken(undefined);
      response.setHeader('WWW-Authenticate', 'Bearer realm="curfew", error="invalid_token"');
      return sendFailure(response, { status: 401, detail: 'There is no such token, or it holds no more.' });
    }
    const scope = scopeOf(request.method, request.path);
    if (scope !== undefined && !caller.scopes.includes(scope)) {
      await useCases.refuseToken(caller.source);
      response.setHeader('WWW-Authenticate', `Bearer realm="curfew", error="insufficient_scope", scope="${scope}"`);
      return sendFailure(response, { status: 403, detail: `This token does not have the scope ${scope}.` });
    }
    response.locals['scimCaller'] = caller;
    next();
  };

async function shownBy(request: Request, useCases: ScimUseCases): Promise<ScimCaller | undefined> {
  const [, shown] = /^Bearer +(\S{1,200})$/i.exec(request.get('authorization') ?? '') ?? [];
  return shown === undefined ? undefined : useCases.authenticate(shown);
}
