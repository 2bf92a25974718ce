/** The frame of a modal or a question within one person's pane: it takes the focus, keeps it, and gives it back. */
import { h, type ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

export type DialogProps = {
  readonly id: string;
  readonly title: string;
  readonly onEscape: () => void;
  readonly children?: ComponentChildren;
  /** A question is an alert: its text is read at once. */
  readonly asks?: boolean;
};

const focusable =
  'a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea:not(:disabled), summary, [tabindex="0"]';

/**
 * NB. Not `aria-modal`, and only this pane is inert behind it: the other person beside it goes on, as at a desk of
 * their own. The Tab key stays inside all the same; F6 leads to the other pane.
 */
export function Dialog({ id, title, onEscape, children, asks }: DialogProps): ComponentChildren {
  const box = useRef<HTMLDivElement>(null);
  // Before anything is painted: the browser takes the focus out of what becomes inert.
  useLayoutEffect(() => {
    const opener = document.activeElement;
    const pane = box.current?.closest<HTMLElement>('.pane');
    // A form begins in its first field; what is to be read first begins at its top.
    const first = box.current?.querySelector<HTMLElement>(
      '.dialog-body > .input:first-child :is(input, select, textarea)',
    );
    (first ?? box.current)?.focus();
    return () => {
      // After what was inert is not any more. The opener may be gone, such as a button of a card that was edited.
      setTimeout(() => {
        if (document.activeElement !== document.body) return;
        const back = opener instanceof HTMLElement && opener.isConnected && opener !== document.body ? opener : pane;
        back?.focus();
      });
    };
  }, []);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') {
      event.stopPropagation();
      return onEscape();
    }
    if (event.key !== 'Tab') return;
    const stops = [...(box.current?.querySelectorAll<HTMLElement>(focusable) ?? [])].filter(
      (one) => one.getClientRects().length > 0,
    );
    const edge = event.shiftKey ? stops[0] : stops.at(-1);
    const leaves = document.activeElement === edge || document.activeElement === box.current;
    if (!leaves || (document.activeElement === box.current && !event.shiftKey)) return;
    event.preventDefault();
    (event.shiftKey ? stops.at(-1) : stops[0])?.focus();
  };
  return h(
    'div',
    { class: 'veil' },
    h(
      'div',
      {
        class: asks === true ? 'dialog question' : 'dialog',
        ref: box,
        role: asks === true ? 'alertdialog' : 'dialog',
        'aria-labelledby': `${id}-title`,
        ...(asks === true ? { 'aria-describedby': `${id}-body` } : {}),
        tabIndex: -1,
        onKeyDown,
      },
      h('h2', { id: `${id}-title` }, title),
      children,
    ),
  );
}
