/** A Bolt app over HTTP that answers whatever a test teaches it: the far side of the Slack driver. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { App, ExpressReceiver, LogLevel } from '@slack/bolt';
import express from 'express';
import type { Workspace } from '../../dev/slack/workspace.ts';

export type TinyApp = { readonly app: App; readonly url: string; readonly stop: () => Promise<void> };

export const startTinyApp = async (workspace: Workspace): Promise<TinyApp> => {
  const router = express.Router();
  const receiver = new ExpressReceiver({
    signingSecret: workspace.signingSecret,
    router,
    endpoints: '/slack/events',
    logLevel: LogLevel.ERROR,
  });
  const app = new App({
    receiver,
    token: workspace.botToken,
    tokenVerificationEnabled: false,
    botId: workspace.botId,
    botUserId: workspace.botUserId,
    convoStore: false,
    logLevel: LogLevel.ERROR,
    clientOptions: {
      slackApiUrl: workspace.apiUrl,
      retryConfig: { retries: 0 },
      timeout: 2_000,
      rejectRateLimitedCalls: true,
    },
  });
  const web = express();
  web.use(receiver.router);
  const server = createServer(web);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    app,
    url: `http://127.0.0.1:${port}/slack/events`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
};
