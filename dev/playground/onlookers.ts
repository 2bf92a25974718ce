/** What each person sees now, read from the emulated workspace again only where something has happened. */
import { asArray, type Json } from '../slack/block-kit.ts';
import type { Driver, Message } from '../slack/driver.ts';
import type { Workspace } from '../slack/workspace.ts';
import type { Company, Place, Shown, Sight } from './page/shapes.ts';
import { storyTold } from './story.ts';

/** The key of the app's direct messages among a person's places. */
export const directKey = 'curfew';

export type Onlookers = {
  readonly sight: (who: string) => Promise<Sight>;
  /** The message with that stamp, as a press needs it. @throws where it is gone */
  readonly message: (who: string, place: string, ts: string) => Promise<Message>;
  /** The id of a place's channel. */
  readonly channelOf: (who: string, place: string) => Promise<string>;
  /** Where a person acts: what only they are told in answer is shown there. */
  readonly stand: (who: string, place: string) => void;
  /** An answer to a slash command, which Slack keeps nowhere. */
  readonly answered: (who: string, place: string, answer: Json) => void;
  readonly tick: () => void;
  readonly stop: () => void;
};

export type OnlookersOptions = {
  readonly workspace: Workspace;
  readonly driver: Driver;
  readonly company: Pick<Company, 'channels'>;
};

/** Of a channel; a stack that runs for days has more, and nobody scrolls so far in a playground. */
const shownMessages = 60;
const keptAnswers = 200;

type Whisper = { readonly who: string; readonly place: string; readonly message: Message };

export function onlookers({ workspace, driver, company }: OnlookersOptions, changed: () => void): Onlookers {
  const { recorder } = workspace;
  const story = storyTold();
  const read = new Map<string, Promise<readonly Message[]>>();
  const threads = new Map<string, Promise<readonly Message[]>>();
  const directs = new Map<string, Promise<string>>();
  const standing = new Map<string, string>();
  /** Where a `response_url` was used, by user id and stamp: Slack does not say in which channel that shows. */
  const heardAt = new Map<string, string>();
  const answers: Whisper[] = [];
  const placeOf = (who: string): string => standing.get(who) ?? directKey;

  const stops = [
    recorder.onCall(({ args }) => {
      story.note(args['blocks']);
      read.clear();
      threads.clear();
      changed();
    }),
    driver.responses.onResponse(({ userId, at }) => {
      heardAt.set(`${userId} ${(at / 1_000).toFixed(6)}`, placeOf(workspace.nameOfUser(userId)));
      changed();
    }),
  ];
  const direct = (who: string): Promise<string> =>
    cached(directs, who, async () => {
      const { channel } = await recorder.inspect('conversations.open', { users: workspace.userId(who) });
      return (channel as { id: string }).id;
    });
  const channelOf: Onlookers['channelOf'] = (who, place) =>
    place === directKey ? direct(who) : Promise.resolve(workspace.channelId(place));
  const posted = (who: string, place: string): Promise<readonly Message[]> =>
    place === directKey
      ? cached(read, `direct ${who}`, () => driver.dms(who))
      : cached(read, place, () => driver.messages(place));
  const repliesTo = (message: Message): Promise<readonly Message[]> =>
    Number(message['reply_count'] ?? 0) > 0
      ? cached(threads, `${message.channel} ${message.ts}`, () => driver.thread(message))
      : Promise.resolve([]);

  const whispers = async (who: string): Promise<readonly Whisper[]> => {
    const own = await direct(who);
    const userId = workspace.userId(who);
    const told = driver.ephemerals(who).map((message): Whisper => {
      const place =
        message.channel === own
          ? directKey
          : (company.channels.find((name) => workspace.channelId(name) === message.channel) ??
            heardAt.get(`${userId} ${message.ts}`) ??
            directKey);
      return { who, place, message };
    });
    return [...told, ...answers.filter((one) => one.who === who)];
  };

  const placeSeen = async (who: string, key: string, own: readonly Whisper[]): Promise<Place> => {
    const newest = (await posted(who, key)).slice(0, shownMessages);
    const shown = await Promise.all(newest.map(async (one) => shownOf(one, await repliesTo(one))));
    const told = own.filter((one) => one.place === key).map((one) => shownOf(one.message, []));
    const messages = [...shown, ...told].toSorted((one, other) => Number(one.ts) - Number(other.ts));
    return { key, messages };
  };

  return {
    sight: async (who) => {
      const own = await whispers(who);
      const places = await Promise.all([directKey, ...company.channels].map((key) => placeSeen(who, key, own)));
      const view = driver.modal(who);
      const modal = view && { view, state: driver.modalState(who), depth: driver.modalDepth(who) };
      return { who, places, home: driver.home(who), modal, story: story.story() };
    },
    message: async (who, place, ts) => {
      const channel = await channelOf(who, place);
      const whispered = (await whispers(who)).find((one) => one.message.ts === ts && one.place === place);
      if (whispered) return { ...whispered.message, channel: whispered.message.channel || channel };
      const newest = await posted(who, place);
      const found =
        newest.find((one) => one.ts === ts) ??
        (await Promise.all(newest.map(repliesTo))).flat().find((one) => one.ts === ts);
      if (found) return found;
      throw new Error('That message is gone.');
    },
    channelOf,
    stand: (who, place) => void standing.set(who, place),
    answered: (who, place, answer) => {
      const text = typeof answer['text'] === 'string' ? answer['text'] : '';
      if (text === '' && asArray(answer['blocks']).length === 0) return;
      story.note(answer['blocks']);
      const ts = (Date.now() / 1_000).toFixed(6);
      answers.push({ who, place, message: { ...answer, ts, text, channel: '', ephemeral: true } });
      if (answers.length > keptAnswers) answers.shift();
      changed();
    },
    tick: changed,
    stop: () => {
      for (const stop of stops) stop();
    },
  };
}

const shownOf = (message: Message, replies: readonly Message[]): Shown => ({
  ts: message.ts,
  channel: message.channel,
  text: message.text,
  blocks: asArray(message['blocks']),
  ephemeral: message.ephemeral,
  edited: message['edited'] !== undefined,
  replies: replies.map((one) => shownOf(one, [])),
});

/** Read once, until it is forgotten; what failed is read again. */
const cached = <T>(kept: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> => {
  const known = kept.get(key);
  if (known !== undefined) return known;
  const made = make();
  kept.set(key, made);
  made.catch(() => kept.delete(key));
  return made;
};
