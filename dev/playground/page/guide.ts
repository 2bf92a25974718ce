/** The story in five steps, for whoever opens this page and has read nothing. Each ticks itself off as it happens. */
import { h, type ComponentChildren } from 'preact';
import type { Company, Story } from './shapes.ts';

/** Who is shown where, and what is put into the box on the left; what is not said stays. */
export type Setting = {
  readonly left?: readonly [who: string, place: string];
  readonly right?: readonly [who: string, place: string];
  readonly line?: string;
  /** The side that is shown where there is room for one only. */
  readonly front: 'left' | 'right';
};

type Step = {
  readonly done: boolean;
  readonly name: string;
  readonly says: ComponentChildren;
  readonly button: string;
  readonly setting: Setting;
};

export type GuideProps = {
  readonly company: Company;
  readonly story: Story;
  readonly set: (setting: Setting) => void;
};

export function Guide({ company, story, set }: GuideProps): ComponentChildren {
  const steps = stepsOf(company, story);
  const now = steps.findIndex((step) => !step.done);
  const step = steps[now];
  return h(
    'section',
    { class: 'guide', 'aria-label': 'Guide' },
    h(
      'ol',
      { class: 'steps' },
      steps.map(({ name, done }, index) =>
        h(
          'li',
          {
            key: name,
            class: done ? 'done' : index === now ? 'now' : 'later',
            ...(index === now ? { 'aria-current': 'step' as const } : {}),
          },
          h('span', { class: 'tick', 'aria-hidden': 'true' }, done ? '✓' : String(index + 1)),
          name,
          done ? h('span', { class: 'unseen' }, ' (done)') : null,
        ),
      ),
    ),
    h(
      'div',
      { class: 'next' },
      h('p', { 'aria-live': 'polite' }, step === undefined ? theEnd : step.says),
      step === undefined
        ? furtherOf(company).map(({ button, setting }) =>
            h('button', { key: button, type: 'button', class: 'button small', onClick: () => set(setting) }, button),
          )
        : h('button', { type: 'button', class: 'button small primary', onClick: () => set(step.setting) }, step.button),
    ),
  );
}

const theEnd = 'That is the whole story. More to try:';

const strong = (text: string): ComponentChildren => h('strong', null, text);

function stepsOf({ people, lead, command, channels }: Company, story: Story): readonly Step[] {
  const nameOf = (handle: string): string =>
    people.find((person) => person.handle === handle)?.name.split(' ')[0] ?? handle;
  const [asks, approves] = [nameOf(lead.asks), nameOf(lead.approves)];
  const cards = channels[0] ?? '';
  const left = [lead.asks, 'curfew'] as const;
  const right = [lead.approves, cards] as const;
  return [
    {
      done: story.asked,
      name: 'Ask',
      says: [
        'On the left you are ',
        strong(asks),
        ' and need a database. Send ',
        h('code', null, `${command} ${lead.line}`),
      ],
      button: `Put it in ${asks}'s box`,
      setting: { left, right, line: lead.line, front: 'left' },
    },
    {
      done: story.approved,
      name: 'Approve',
      says: [
        'On the right you are ',
        strong(approves),
        ', who owns that data. Press ',
        strong('Review'),
        ' on the card, choose Approve and record it.',
      ],
      button: `Show ${approves}'s card`,
      setting: { left, right, front: 'right' },
    },
    {
      done: story.linked,
      name: 'Get the link',
      says: [
        'Curfew has told ',
        strong(asks),
        '. Press ',
        strong('Claim'),
        ' in that message: a one-time link appears, for her eyes only.',
      ],
      button: `Show ${asks}'s messages`,
      setting: { left, right, front: 'left' },
    },
    {
      done: story.claimed,
      name: 'Claim',
      says: [
        strong('Open the claim page'),
        ' from the new message and press ',
        strong('Claim now'),
        '. It makes the password in your browser and shows a psql line that works.',
      ],
      button: `Show ${asks}'s messages`,
      setting: { left, right, front: 'left' },
    },
    {
      done: story.ended,
      name: 'See it end',
      says: [
        asks,
        ' has access until its end, then it goes by itself. Sooner: press ',
        strong("I'm done"),
        ' in her messages, and read the receipt.',
      ],
      button: `Show ${asks}'s messages`,
      setting: { left, right, front: 'left' },
    },
  ];
}

/** Other stories, each set with two people and a line. */
function furtherOf({ channels, lead }: Company): readonly { readonly button: string; readonly setting: Setting }[] {
  const [cards = '', ops = cards] = channels;
  return [
    {
      button: 'Two approvals',
      setting: {
        left: [lead.asks, 'curfew'],
        right: ['kwame', cards],
        line: 'orders-prod write 30m because INC-13 correct a price',
        front: 'left',
      },
    },
    {
      button: 'Approve your own',
      setting: {
        left: [lead.asks, cards],
        right: ['amara-admin', cards],
        line: 'orders-prod read 30m because INC-14 try to approve this yourself',
        front: 'left',
      },
    },
    {
      button: 'Break the glass',
      setting: {
        left: ['jonas', 'curfew'],
        right: ['sana', ops],
        line: 'breakglass orders-prod write INC-12 "checkout down"',
        front: 'left',
      },
    },
    {
      button: 'No approval needed',
      setting: {
        left: ['mei', 'curfew'],
        line: 'models-prod read 30m because INC-15 look at last night',
        front: 'left',
      },
    },
  ];
}
