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
import { shownText } from './shown.ts';

const who = { as: z.string().min(1) };
export const deskCalls = {
  '/see': z.strictObject(who),
  '/slash': z.strictObject({ ...who, text: z.string() }),
  '/press': z.strictObject({ ...who, action: z.string() }),
  '/submit': z.strictObject({ ...who, values: z.record(z.string(), z.string()) }),
} as const;
export type DeskCall = keyof typeof deskCalls;

/** One message as a person reads it, with what they could press. */
export type Seen = {
  readonly where: string;
  readonly at: number;
  readonly text: string;
  readonly buttons: readonly { readonly action: string; readonly label: string }[];
};
export type DeskAnswer = {
  readonly messages: readonly Seen[];
  readonly modal: { readonly title: string; readonly text: string } | null;
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
  let as = '';
  switch (request.url) {
    case '/see':
      ({ as } = deskCalls['/see'].parse(body));
      break;
    case '/slash': {
      const call = deskCalls['/slash'].parse(body);
      as = call.as;
      await changed(driver, as, () => driver.slash(as, options.command, call.text));
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
  return { ...(await seenBy(options, as)), errors };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** Does something, then waits up to two seconds for what follows from it: a message for the person, or a modal. */
async function changed(driver: Driver, as: string, act: () => Promise<unknown>): Promise<void> {
  const before = `${driver.ephemerals(as).length} ${(await driver.dms(as)).length} ${driver.modal(as)?.id}`;
  await act();
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
    messages: read.slice(0, 12).map(({ where, message }) => ({
      where,
      at: Math.round(Number(message.ts) * 1_000),
      text: shownText(message['blocks']) || message.text,
      buttons: elementsOf(message['blocks'])
        .filter((one) => one.type === 'button')
        .map((one) => ({ action: one.actionId, label: shownText([one.element]) })),
    })),
    modal: view ? { title: shownText([{ text: view['title'] }]), text: shownText(view['blocks']) } : null,
  };
}
