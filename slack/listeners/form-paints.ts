/**
 * Painting a form again while somebody goes on choosing. Each change comes with the hash of what its sender saw, so of
 * two quick ones the second has a hash that the first one's paint has replaced, and Slack would refuse it: the form
 * would stay as the first change left it. Here a form is painted one change at a time, overtaken ones not at all, and
 * each on top of the paint before it.
 */
import type { Modal } from '../views/message.ts';

export type FormChange = {
  /** When it was made, as Slack says: deliveries overtake each other. */
  readonly at: number;
  /** Of the view that was changed. */
  readonly hash: string;
  readonly view: () => Promise<Modal>;
  /** @returns the hash of the view that stands there now @throws where Slack does not take it */
  readonly update: (hash: string, view: Modal) => Promise<string>;
};

type Form = { newest: FormChange; readonly replaced: Set<string>; hash: string; work?: Promise<void> | undefined };

/** More forms than are open at once; the oldest is forgotten, and painted by its own hashes from then on. */
const mostForms = 1_000;

/** @param failed hears of each paint that came to nothing */
export function formPaints(failed: (error: unknown) => void): (id: string, change: FormChange) => Promise<void> {
  const forms = new Map<string, Form>();

  function formOf(id: string, change: FormChange): Form {
    const known = forms.get(id);
    if (known) return known;
    const form: Form = { newest: change, replaced: new Set(), hash: change.hash };
    forms.set(id, form);
    const oldest = forms.keys().next().value;
    if (forms.size > mostForms && oldest !== undefined) forms.delete(oldest);
    return form;
  }

  async function paintNewest(form: Form): Promise<void> {
    try {
      for (let tried: FormChange | undefined; tried !== form.newest;) {
        tried = form.newest;
        await paint(form, tried).catch(failed);
      }
    } finally {
      form.work = undefined;
    }
  }

  async function paint(form: Form, change: FormChange): Promise<void> {
    const view = await change.view();
    if (change !== form.newest) return;
    const hash = form.replaced.has(change.hash) ? form.hash : change.hash;
    form.hash = await change.update(hash, view);
    form.replaced.add(hash);
  }

  return async (id, change) => {
    const form = formOf(id, change);
    if (change.at < form.newest.at) return;
    form.newest = change;
    form.work ??= paintNewest(form);
    await form.work;
  };
}
