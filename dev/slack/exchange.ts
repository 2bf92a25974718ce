import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseArguments, type SlackReply } from './calls.ts';

/** A recorded call being answered: what came in, and what to send back. */
export type Exchange = {
  readonly method: string;
  readonly args: Record<string, unknown>;
  readonly authorization: string;
  readonly contentType: string;
  readonly body: string;
};

const bodyLimitBytes = 4 * 1024 * 1024;

/** Rejects a call of more than 4 MiB. */
export const readExchange = async (request: IncomingMessage): Promise<Exchange> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyLimitBytes) throw new Error('a call of more than 4 MiB');
    chunks.push(chunk);
  }
  const url = new URL(request.url ?? '/', 'http://slack');
  const contentType = request.headers['content-type'] ?? 'application/x-www-form-urlencoded';
  const body = chunks.length > 0 ? Buffer.concat(chunks).toString('utf8') : url.searchParams.toString();
  const args = parseArguments(contentType, body);
  return {
    method: url.pathname.replace(/^\/api\//, ''),
    args,
    authorization: request.headers.authorization ?? '',
    contentType,
    body,
  };
};

export const send = (
  response: ServerResponse,
  reply: SlackReply,
  headers: Readonly<Record<string, string>> = {},
): void => {
  response.writeHead(reply.status, { 'content-type': 'application/json; charset=utf-8', ...headers });
  response.end(JSON.stringify(reply.body));
};
