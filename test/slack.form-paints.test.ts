import { expect, test } from 'vitest';
import { formPaints, type FormChange } from '../slack/listeners/form-paints.ts';
import type { Modal } from '../slack/views/message.ts';

/** Slack's view of one form: it takes an update only on top of what stands there. */
function slack() {
  const view = { hash: 'h0', shows: 'nothing' };
  const refused: string[] = [];
  const paints = formPaints((error) => void refused.push(String(error)));
  const change = (at: number, shows: string, { hash = 'h0', judged = Promise.resolve() } = {}): FormChange => ({
    at,
    hash,
    view: async () => {
      await judged;
      return { shows } as unknown as Modal;
    },
    update: async (on, painted) => {
      if (on !== view.hash) throw new Error(`hash_conflict: ${on} is not ${view.hash}`);
      view.shows = (painted as unknown as { readonly shows: string }).shows;
      view.hash = `h${Number(view.hash.slice(1)) + 1}`;
      return view.hash;
    },
  });
  return { view, refused, paints, change };
}

test('the newest of quick changes is painted, though each came with the hash of the first view', async () => {
  const { view, refused, paints, change } = slack();
  await Promise.all(['target', 'role', 'duration'].map((shows, at) => paints('V1', change(at, shows))));
  await paints('V1', change(3, 'ticket'));
  expect([view.shows, refused]).toEqual(['ticket', []]);
});

test('an older change that comes later, or is judged for longer, does not overwrite a newer one', async () => {
  const { view, refused, paints, change } = slack();
  const slow = Promise.withResolvers<void>();
  const first = paints('V1', change(1, 'old', { judged: slow.promise }));
  const second = paints('V1', change(2, 'new'));
  slow.resolve();
  await Promise.all([first, second]);
  await paints('V1', change(0, 'oldest'));
  expect([view.shows, view.hash, refused]).toEqual(['new', 'h1', []]);
});

test('a form that was painted by another process is painted by what its sender saw', async () => {
  const { view, refused, paints, change } = slack();
  await paints('V1', change(1, 'one'));
  view.hash = 'h7';
  await paints('V1', change(2, 'two', { hash: 'h7' }));
  expect([view.shows, refused]).toEqual(['two', []]);
});

test('a paint that Slack does not take is said, and the next change is painted', async () => {
  const { view, refused, paints, change } = slack();
  await paints('V1', change(1, 'one', { hash: 'h9' }));
  expect(refused).toEqual([expect.stringContaining('hash_conflict')]);
  await paints('V1', change(2, 'two'));
  expect(view.shows).toBe('two');
});
