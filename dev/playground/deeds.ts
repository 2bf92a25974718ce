/** What a person does on the page, done through the driver: each becomes the delivery that Slack would sign and send. */
import { z } from 'zod';
import { shortcut } from '../../slack/ids.ts';
import { asObjects } from '../slack/block-kit.ts';
import type { Delivered, Driver } from '../slack/driver.ts';
import { messageOf } from '../trouble.ts';
import { directKey, type Onlookers } from './onlookers.ts';
import type { Deed, Done, Person } from './page/shapes.ts';

const values = z.record(z.string().max(255), z.unknown());
export const deedShape = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('slash'), place: z.string(), text: z.string().max(10_000) }),
  z.strictObject({ kind: z.literal('shortcut') }),
  z.strictObject({ kind: z.literal('home') }),
  z.strictObject({
    kind: z.literal('press'),
    where: z.enum(['message', 'modal', 'home']),
    place: z.string().optional(),
    ts: z.string().optional(),
    action: z.string(),
    value: z.string().optional(),
    chosen: z.unknown().optional(),
  }),
  z.strictObject({ kind: z.literal('fill'), values }),
  z.strictObject({ kind: z.literal('suggest'), action: z.string(), typed: z.string().max(3_000) }),
  z.strictObject({ kind: z.literal('submit'), values }),
  z.strictObject({ kind: z.literal('close') }),
]);

type Tools = {
  readonly driver: Driver;
  readonly command: string;
  readonly people: readonly Pick<Person, 'id' | 'handle'>[];
};

/** @returns what is to be told; what the driver would not let a person do is told too, not thrown */
export function deeds(tools: Tools, look: Onlookers): (who: string, deed: z.infer<typeof deedShape>) => Promise<Done> {
  return async (who, deed) => {
    try {
      return await carryOut(tools, look, who, deed as Deed);
    } catch (error) {
      return { trouble: messageOf(error) };
    } finally {
      look.tick();
    }
  };
}

async function carryOut({ driver, command, people }: Tools, look: Onlookers, who: string, deed: Deed): Promise<Done> {
  switch (deed.kind) {
    case 'slash': {
      look.stand(who, deed.place);
      const place = deed.place === directKey ? { channel: await look.channelOf(who, directKey) } : { in: deed.place };
      const delivered = await driver.slash(who, command, asSent(deed.text, people), place);
      for (const answer of asObjects(delivered.reply.body)) look.answered(who, deed.place, answer);
      return heard(delivered);
    }
    case 'shortcut':
      return heard(await driver.shortcut(who, shortcut));
    case 'home':
      // Curfew may not listen to this: then Slack shows an empty tab, and so does the page.
      await driver.event(who, {
        type: 'app_home_opened',
        tab: 'home',
        channel: await look.channelOf(who, directKey),
      });
      return {};
    case 'press':
      return heard(await press(driver, look, who, deed));
    case 'fill':
      await driver.fill(who, deed.values);
      return {};
    case 'suggest':
      return { options: (await driver.suggest(who, deed.action, deed.typed)).options };
    case 'submit': {
      const submitted = await driver.submit(who, deed.values);
      return submitted.action === 'none' ? heard(submitted) : { errors: submitted.errors };
    }
    case 'close':
      await driver.close(who);
      return {};
  }
}

/**
 * The words behind the command as Slack sends them: escaped, and with each person who is named by `@handle` as a
 * mention. https://docs.slack.dev/interactivity/implementing-slash-commands#app_command_handling
 */
export const asSent = (text: string, people: Tools['people']): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/(^|\s)@([a-z][a-z0-9-]*)/g, (whole, before: string, name: string) => {
      const person = people.find(({ handle }) => handle === name);
      return person === undefined ? whole : `${before}<@${person.id}|${name}>`;
    });

async function press(
  driver: Driver,
  look: Onlookers,
  who: string,
  { where, place = directKey, ts = '', action, value, chosen }: Extract<Deed, { kind: 'press' }>,
): Promise<Delivered> {
  const options = { ...(value === undefined ? {} : { value }), ...(chosen === undefined ? {} : { chosen }) };
  if (where === 'modal') return driver.pressInModal(who, action, options);
  if (where === 'home') return driver.pressInHome(who, action, options);
  look.stand(who, place);
  return driver.press(who, await look.message(who, place, ts), action, options);
}

/** Slack tells its user of an app that did not answer in three seconds, or not with 200. */
const heard = ({ reply }: Pick<Delivered, 'reply'>): Done =>
  reply.status === 200
    ? {}
    : { trouble: `Curfew did not take that (status ${reply.status}${saysOf(reply.body)}). Try again.` };

const saysOf = (body: unknown): string => {
  const [said = {}] = asObjects(body);
  return typeof said['error'] === 'string' ? `, ${said['error']}` : '';
};
