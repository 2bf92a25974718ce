/** The whole page: the guide, and two people side by side. */
import { h, type ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Guide, type Setting } from './guide.ts';
import { newsKept } from './news.ts';
import { Pane } from './pane.ts';
import { queryOf, seatsFrom, sides, type Seat, type Seats, type Side } from './seats.ts';
import type { Company, Deed, Done, Sight, Story } from './shapes.ts';
import { act as send, listen, sightOf } from './wire.ts';

const nothingYet: Story = { asked: false, approved: false, linked: false, claimed: false, ended: false };

export function App({ company }: { readonly company: Company }): ComponentChildren {
  const [seats, setSeats] = useState<Seats>(() => seatsFrom(location.search, company));
  const [sights, setSights] = useState<Readonly<Record<string, Sight>>>({});
  const [lines, setLines] = useState<Readonly<Record<string, string>>>({});
  const [connected, setConnected] = useState(true);
  const [said, setSaid] = useState('');
  const news = useRef(newsKept(company)).current;
  const looking = useRef({ seats, busy: false, again: false }).current;
  looking.seats = seats;

  /** One look at a time; what happens meanwhile is looked at afterwards. */
  const look = async (): Promise<void> => {
    looking.again = true;
    if (looking.busy) return;
    looking.busy = true;
    try {
      while (looking.again) {
        looking.again = false;
        const people = new Set(sides.map((side) => looking.seats[side].who));
        const seen = await Promise.all([...people].map(sightOf));
        const fresh = news.take(seen);
        if (fresh !== '') setSaid(fresh);
        setSights((before) => ({ ...before, ...Object.fromEntries(seen.map((one) => [one.who, one])) }));
        setConnected(true);
      }
    } catch {
      setConnected(false);
    } finally {
      looking.busy = false;
    }
  };
  useEffect(() => listen((there) => (there ? void look() : setConnected(false))), []);
  useEffect(() => {
    history.replaceState(null, '', queryOf(seats));
    void look();
  }, [seats]);
  for (const side of sides) news.read(seats[side], sights[seats[side].who]);

  const act = async (who: string, deed: Deed): Promise<Done> => {
    const done = await send(who, deed);
    await look();
    return done;
  };
  const sit = (side: Side, seat: Seat): void => setSeats((before) => ({ ...before, [side]: seat }));
  const set = ({ left, right, line, front }: Setting): void => {
    setSeats((before) => ({
      left: left ? { who: left[0], place: left[1] } : before.left,
      right: right ? { who: right[0], place: right[1] } : before.right,
      front,
    }));
    if (line !== undefined && left) setLines((before) => ({ ...before, [left[0]]: line }));
    // Where the next thing is done: the box, or the side that shows it.
    setTimeout(() => document.getElementById(line === undefined ? front : `${front}-line`)?.focus());
  };
  const story = Object.values(sights)[0] === undefined ? nothingYet : latest(sights, seats);
  return h(
    'div',
    { class: 'page', onKeyDown: switchSides },
    h(
      'header',
      { class: 'top' },
      h('h1', null, h('img', { src: '/page/icon.svg', alt: '', width: 24, height: 24 }), 'Curfew playground'),
      h('p', null, `${company.team}'s Slack, emulated on this machine. Be anybody; F6 switches sides.`),
    ),
    h(Guide, { company, story, set }),
    connected
      ? null
      : h(
          'p',
          { class: 'error lost', role: 'alert' },
          'No connection to npm start. This page goes on when it is back.',
        ),
    h(
      'div',
      { class: 'switch', role: 'group', 'aria-label': 'Which person is shown' },
      sides.map((side) =>
        h(
          'button',
          {
            key: side,
            type: 'button',
            'aria-pressed': seats.front === side,
            onClick: () => setSeats((before) => ({ ...before, front: side })),
          },
          company.people.find((person) => person.handle === seats[side].who)?.name ?? seats[side].who,
          freshOn(side) ? h('span', { class: 'count' }, 'new') : null,
        ),
      ),
    ),
    h(
      'main',
      { class: `panes front-${seats.front}` },
      sides.map((side) =>
        h(Pane, {
          key: side,
          side,
          seat: seats[side],
          sight: sights[seats[side].who],
          company,
          line: lines[seats[side].who] ?? '',
          unread: (place) => news.unread(seats[side].who, place, sights[seats[side].who]),
          onLine: (line) => setLines((before) => ({ ...before, [seats[side].who]: line })),
          onSeat: (seat) => sit(side, seat),
          act,
        }),
      ),
    ),
    h('p', { class: 'unseen', role: 'status' }, said),
  );

  function freshOn(side: Side): boolean {
    if (seats.front === side) return false;
    const { who } = seats[side];
    return ['curfew', ...company.channels].some((place) => news.unread(who, place, sights[who]) > 0);
  }
}

/** Of those shown now; somebody shown before is not looked at any more. */
const latest = (sights: Readonly<Record<string, Sight>>, { left, right }: Seats): Story =>
  sights[left.who]?.story ?? sights[right.who]?.story ?? nothingYet;

/** Out of an open form too, which keeps the Tab key to itself. */
function switchSides(event: KeyboardEvent): void {
  if (event.key !== 'F6') return;
  event.preventDefault();
  const here = sides.find((side) => document.getElementById(side)?.contains(document.activeElement));
  const other = document.getElementById(here === 'left' ? 'right' : 'left');
  const dialogs = [...(other?.querySelectorAll<HTMLElement>('[role=dialog], [role=alertdialog]') ?? [])];
  (dialogs.at(-1) ?? other)?.focus();
}
