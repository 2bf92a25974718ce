/** The Slack emulator as a process of its own, for `npm start`: emulator, recorder, driver, desk and playground. */
import { z } from 'zod';
import { command } from '../../slack/ids.ts';
import { validateCall } from '../../slack/blocks.ts';
import { sampleSeed, slackChannels } from '../company/workspace.ts';
import { sampleCompany } from '../playground/company.ts';
import { startPlayground } from '../playground/server.ts';
import { startedThings } from '../processes.ts';
import { startDesk } from './desk.ts';
import { startDriver } from './driver.ts';
import { manifestScopes } from './manifest.ts';
import { startWorkspace } from './workspace.ts';

const settings = z
  .object({
    port: z.number(),
    deskPort: z.number(),
    playgroundPort: z.number(),
    app: z.string(),
    botToken: z.string(),
    signingSecret: z.string(),
    desk: z.string(),
  })
  .parse(JSON.parse(process.env['CURFEW_DEV_SLACK'] ?? '{}'));

const things = startedThings();
const stop = (): void => {
  things.stopAll().then(
    () => process.exit(0),
    () => process.exit(1),
  );
};
process.once('SIGTERM', stop);
process.once('SIGINT', stop);

const workspace = things.add(
  await startWorkspace({
    seed: sampleSeed(settings, manifestScopes()),
    validate: ({ method, args }) => validateCall(method, args),
    port: settings.port,
  }),
);
const driver = await startDriver({ workspace, endpoints: settings.app });
things.add({ name: 'driver', stop: driver.stop });
things.add(
  await startDesk({
    driver,
    port: settings.deskPort,
    secret: settings.desk,
    command,
    channels: Object.values(slackChannels),
  }),
);
things.add(
  await startPlayground({ workspace, driver, port: settings.playgroundPort, company: sampleCompany(workspace) }),
);
