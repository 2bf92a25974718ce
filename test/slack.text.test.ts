import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { errors, refuse } from '../domain/errors.ts';
import { formatInstant } from '../domain/time.ts';
import { nextSteps, refusalOf, refusalText } from '../slack/refusals.ts';
import { cut, listed, mrkdwn, nothing, oneLine, sentence, tidy, value, when } from '../slack/text.ts';
import { anyText } from './support/slack-models.ts';

test('markup in a value is shown, not obeyed', () => {
  expect(mrkdwn`by ${'<!channel> & <https://evil.example|you>'}`.mrkdwn).toBe(
    'by &lt;!channel&gt; &amp; &lt;https://evil.example|you&gt;',
  );
});

test('what was escaped before is shown as it is, not obeyed twice', () => {
  expect(value('&lt;!channel&gt;').mrkdwn).toBe('&amp;lt;!channel&amp;gt;');
});

test('a value cannot end the bold around it', () => {
  expect(mrkdwn`*${'a* <b>'}*`.mrkdwn).toBe('*a∗ &lt;b&gt;*');
  expect(value('orders_read_only').mrkdwn).toBe('orders_read_only');
});

test('a value is cut to its length as it is sent, so that one cannot hide the next', () => {
  expect(mrkdwn`${'x'.repeat(100_000)} asks`.mrkdwn).toBe(`${'x'.repeat(119)}… asks`);
  expect(value('<'.repeat(500)).mrkdwn.length).toBeLessThanOrEqual(120);
  fc.assert(
    fc.property(anyText, fc.integer({ min: 10, max: 500 }), (text, max) => {
      const sent = value(text, max).mrkdwn;
      expect(sent.length).toBeLessThanOrEqual(max);
      expect(sent).not.toBe('');
      expect(sent.isWellFormed()).toBe(true);
      expect(sent.replaceAll(/&(?:amp|lt|gt);/g, '')).not.toMatch(/[<>&\n]/);
    }),
  );
});

test('cutting leaves no half of a character', () => {
  expect(cut('ab😀cd', 4)).toBe('ab…');
  expect(cut('ab😀cd', 5)).toBe('ab😀…');
  expect(cut('abc', 3)).toBe('abc');
});

test('marks that turn the direction of what follows are gone, and so are control characters', () => {
  expect(tidy('\u202Eevorppa\u202C\u0007')).toBe('evorppa ');
  expect(oneLine(' a\r\n\u2028b ')).toBe('a b');
  expect(tidy('שלום')).toBe('שלום');
});

test('an empty value says that it is empty, and nothing says nothing', () => {
  expect(mrkdwn`[${''}] [${' \n'}] [${nothing}]`.mrkdwn).toBe('[(empty)] [(empty)] []');
});

test('names are listed with a bound', () => {
  expect(listed([]).mrkdwn).toBe('nobody');
  expect(listed(['Ana']).mrkdwn).toBe('Ana');
  expect(listed(['Ana', 'Ben', 'Cy']).mrkdwn).toBe('Ana, Ben and Cy');
  expect(listed(['A', 'B', 'C', 'D', 'E', 'F', 'G'], 5).mrkdwn).toBe('A, B, C, D, E and 2 more');
});

test('an instant is in the viewer’s own time, with UTC for clients that cannot', () => {
  expect(when(Date.UTC(2026, 2, 3, 14, 2, 7), 'seconds').mrkdwn).toBe(
    '<!date^1772546527^{time_secs}|2026-03-03 14:02:07 UTC>',
  );
});

test('every error code has a next step', () => {
  expect(Object.keys(nextSteps).toSorted()).toEqual(Object.keys(errors).toSorted());
  for (const step of Object.values(nextSteps)) expect(step).toMatch(/\w{3}.*\.$/);
});

test('what was thrown unexpectedly is not shown', () => {
  const refusal = refusalOf(new Error('password=hunter2 at 10.0.0.1'));
  expect(refusal.message).not.toContain('hunter2');
  expect(refusal.code).toBe('NotRecorded');
});

test('an instant in a refusal is read in the time of whoever reads it', () => {
  const at = Date.UTC(2026, 11, 24, 8);
  const refusal = refuse('NotPending', `It starts at ${formatInstant(at)}, and cannot be claimed before.`);
  expect(refusalText(refusal, 'ab12').mrkdwn).toContain(
    `It starts at ${when(at).mrkdwn}, and cannot be claimed before.`,
  );
});

test('of many instants in a sentence only the first ones are written so, and none that there is not', () => {
  const many = `${formatInstant(0)} `.repeat(60);
  expect(sentence(many, 1_500).mrkdwn.length).toBeLessThan(1_800);
  expect(sentence('at 2026-13-45T99:99:99.000Z', 100).mrkdwn).toBe('at 2026-13-45T99:99:99.000Z');
});
