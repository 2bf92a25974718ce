/** Server-sent events that say only "look again": what there is to see, each page asks for the people it shows. */
import type { ServerResponse } from 'node:http';

/** What comes in one go is told in one go. */
const gatheredMs = 60;
/** So that a page hears too of what no call told, and a connection that died is noticed. */
const heartbeatMs = 10_000;
const mostStreams = 20;

export function liveStreams() {
  const streams = new Set<ServerResponse>();
  let pending: NodeJS.Timeout | undefined;
  const tell = (): void => {
    pending = undefined;
    for (const stream of streams) stream.write('data: look\n\n');
  };
  const heartbeat = setInterval(tell, heartbeatMs);
  heartbeat.unref();
  return {
    open: (response: ServerResponse): void => {
      if (streams.size >= mostStreams) {
        response.writeHead(503).end();
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('retry: 1000\ndata: look\n\n');
      streams.add(response);
      response.once('close', () => streams.delete(response));
    },
    tick: (): void => {
      pending ??= setTimeout(tell, gatheredMs);
    },
    stop: (): void => {
      clearInterval(heartbeat);
      clearTimeout(pending);
      for (const stream of streams) stream.destroy();
    },
  };
}
