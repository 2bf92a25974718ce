/**
 * Where sample people are played by hand: a small HTTP desk on loopback, in the emulator's own process, because what a
 * person has open (modals, messages for their eyes only) lives there. `npm run as` talks to it. Whoever asks needs the
 * stack's own secret; nothing of it is part of any production process.
 */
import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { z } from 'zod';
import { messageOf } from '../trouble.ts';
import { elementsOf } from './block-kit.ts';
import type { Driver, Message } from './driver.ts';
import { answerOf, seenOf, type Seen } from './seen.ts';
import { shownLine, shownText } from './shown.ts';

const who = { as: z.string().min(1) };
export const deskCalls = {
  '/see': z.strictObject(who),
  '/slash': z.strictObject({ ...who, text: z.string() }),
  '/press': z.strictObject({ ...who, action: z.string() }),
  '/submit': z.strictObject({ ...who, values: z.record(z.string(), z.string()) }),
} as const;
export type DeskCall = keyof typeof deskCalls;

export type DeskAnswer = {
  readonly messages: readonly Seen[];
  /** The open form; `fields` are the action ids that `/submit` takes. */
  readonly modal: {
    readonly id: string;
    readonly title: string;
    readonly text: string;
    readonly fields: readonly string[];
  } | null;
  readonly errors: Readonly<Record<string, string>>;
};

export type DeskOptions = {
  readonly driver: Driver;
  readonly port: number;
  readonly secret: string;
  readonly command: string;
  /** Channels that everybody reads, by name. */
  readonly channels: readonly string[];
};

export async function startDesk(
  options: DeskOptions,
): Promise<{ readonly name: string; readonly stop: () => Promise<void> }> {
  const server = createServer((request, response) => {
    const send = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    answer(options, request)
      .then((body) => send(200, body))
      .catch((error: unknown) => send(400, { error: messageOf(error) }));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  return {
    name: 'Slack desk',
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(options: DeskOptions, request: IncomingMessage): Promise<DeskAnswer> {
  const given = Buffer.from(request.headers.authorization ?? '');
  const wanted = Buffer.from(`Bearer ${options.secret}`);
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) throw new Error('the desk needs its secret');
  const body: unknown = JSON.parse(await textOf(request));
  const { driver } = options;
  let errors: DeskAnswer['errors'] = {};
  let answered: readonly Seen[] = [];
  let as = '';
  switch (request.url) {
    case '/see':
      ({ as } = deskCalls['/see'].parse(body));
      break;
    case '/slash': {
      const call = deskCalls['/slash'].parse(body);
      as = call.as;
      await changed(driver, as, async () => {
        answered = answerOf(await driver.slash(as, options.command, call.text));
        return answered.length > 0;
      });
      break;
    }
    case '/press': {
      const call = deskCalls['/press'].parse(body);
      as = call.as;
      const message = await newestWith(options, as, call.action);
      await changed(driver, as, () => driver.press(as, message, call.action));
      break;
    }
    case '/submit': {
      const call = deskCalls['/submit'].parse(body);
      as = call.as;
      await changed(driver, as, async () => {
        errors = (await driver.submit(as, call.values)).errors;
      });
      break;
    }
    default:
      throw new Error(`the desk knows ${Object.keys(deskCalls).join(', ')}`);
  }
  const seen = await seenBy(options, as);
  return { ...seen, messages: [...answered, ...seen.messages], errors };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * Does something, then waits up to two seconds for what follows from it: a message for the person, or a modal.
 * @param act says true where the answer is here already
 */
async function changed(driver: Driver, as: string, act: () => Promise<unknown>): Promise<void> {
  const before = `${driver.ephemerals(as).length} ${(await driver.dms(as)).length} ${driver.modal(as)?.id}`;
  if ((await act()) === true) return;
  await driver
    .eventually(
      'an answer',
      async () => {
        const now = `${driver.ephemerals(as).length} ${(await driver.dms(as)).length} ${driver.modal(as)?.id}`;
        return now === before ? null : true;
      },
      2_000,
    )
    .catch(() => undefined);
}

async function readingOrder(
  { driver, channels }: DeskOptions,
  as: string,
): Promise<readonly { where: string; message: Message }[]> {
  const inChannels = await Promise.all(
    channels.map(async (name) => (await driver.messages(name)).map((message) => ({ where: `#${name}`, message }))),
  );
  const direct = (await driver.dms(as)).map((message) => ({ where: 'direct message', message }));
  const own = driver.ephemerals(as).map((message) => ({ where: 'only for you', message }));
  return [...inChannels.flat(), ...direct, ...own].toSorted(
    (one, other) => Number(other.message.ts) - Number(one.message.ts),
  );
}

async function newestWith(options: DeskOptions, as: string, action: string): Promise<Message> {
  const read = await readingOrder(options, as);
  const found = read.find(({ message }) => elementsOf(message['blocks']).some((one) => one.actionId === action));
  if (found) return found.message;
  throw new Error(`${as} sees no button ${action}; look with: npm run as -- ${as} see`);
}

async function seenBy(options: DeskOptions, as: string): Promise<Omit<DeskAnswer, 'errors'>> {
  const read = await readingOrder(options, as);
  const view = options.driver.modal(as);
  return {
    messages: read.slice(0, 12).map(({ where, message }) => seenOf(where, message)),
    modal: view
      ? {
          id: view.id,
          title: shownLine(view['title']),
          text: shownText(view['blocks']),
          fields: elementsOf(view['blocks']).map((one) => one.actionId),
        }
      : null,
  };
}
