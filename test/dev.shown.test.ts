import { expect, test } from 'vitest';
import { shownText } from '../dev/slack/shown.ts';

const marked = (text: string) => ({ type: 'mrkdwn', text });
const plain = (text: string) => ({ type: 'plain_text', text });

test('sections and fields are read line by line, without markup', () => {
  const blocks = [
    { type: 'section', text: marked('*Amara* asks for *read* &amp; _nothing else_ on &lt;orders&gt;') },
    { type: 'section', fields: [marked('*For*\n15 min'), marked('*Ticket*\nINC-12')] },
    { type: 'section', text: plain('as *typed*') },
  ];
  expect(shownText(blocks)).toBe(
    'Amara asks for read & nothing else on <orders>\nFor: 15 min\nTicket: INC-12\nas *typed*',
  );
});

test('what is beside the text comes in one line, and buttons not at all', () => {
  const blocks = [
    { type: 'context', elements: [marked('Lapses soon'), marked('Request 1234')] },
    { type: 'actions', elements: [{ type: 'button', text: plain('Review'), action_id: 'request:review' }] },
  ];
  expect(shownText(blocks)).toBe('Lapses soon · Request 1234');
});

test('links, mentions and instants are what a client shows for them', () => {
  const today = Math.floor(Date.now() / 1_000);
  const long = 1_700_000_000;
  const at = (seconds: number, form: string) =>
    shownText([{ type: 'section', text: marked(`<!date^${seconds}^${form}|x>`) }]);
  expect(at(today, '{date_short_pretty} at {time}')).toMatch(/^today at \d\d:\d\d$/);
  expect(at(long, '{date_short_pretty} at {time}')).toMatch(/^\w{3} Nov 1\d 2023 at \d\d:\d\d$/);
  expect(at(long, '{time_secs}')).toMatch(/^\d\d:\d\d:20$/);
  const text = marked(':lock: *Ended*, see <https://example.com/a|the page> or <https://example.com/b>');
  expect(shownText([{ type: 'section', text }])).toBe('Ended, see the page or https://example.com/b');
});

test('an input is named by the end of its action id, with what is in it and what it offers', () => {
  const options = [
    { text: plain('Read'), value: 'read' },
    { text: plain('Write'), value: 'write' },
  ];
  const role = {
    type: 'static_select',
    action_id: 'ask:role',
    options,
    initial_option: { text: plain('read'), value: 'read' },
  };
  const why = { type: 'plain_text_input', action_id: 'ask:reason' };
  expect(
    shownText([
      { type: 'input', label: plain('Role'), element: role },
      { type: 'input', label: plain('Why'), element: why },
    ]),
  ).toBe('role=read  (Role: read, write)\nreason=  (Why)');
});
