/** A select whose options the app offers for what was typed: the combobox pattern of WAI-ARIA. */
import { h, type ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ControlProps } from './controls.ts';
import { plainOf } from './marked.ts';
import { asText, objectOf } from './reading.ts';
import type { Json } from './shapes.ts';

/** So long nobody typed on. */
const pauseMs = 150;

export function Search(props: ControlProps & { readonly placeholder: string }): ComponentChildren {
  const { id, entered, onEnter, suggest, placeholder } = props;
  const chosen = plainOf(objectOf(entered)['text']);
  const [typed, setTyped] = useState<string | null>(null);
  const [options, setOptions] = useState<readonly Json[] | null>(null);
  const [active, setActive] = useState(0);
  const asked = useRef(0);
  const offer = async (text: string, mine: number): Promise<void> => {
    const offered = await suggest(text);
    // A later letter has its own answer.
    if (mine !== asked.current) return;
    setOptions(offered);
    setActive(0);
  };
  useEffect(() => {
    if (typed === null) return setOptions(null);
    const mine = (asked.current += 1);
    const timer = setTimeout(
      () => {
        void offer(typed, mine);
      },
      typed === '' ? 0 : pauseMs,
    );
    return () => clearTimeout(timer);
  }, [typed]);

  const open = typed !== null && options !== null;
  const close = (): void => setTyped(null);
  const take = (option: Json | undefined): void => {
    if (option === undefined) return;
    onEnter(option, true);
    close();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (!open) {
      if (event.key !== 'ArrowDown') return;
      event.preventDefault();
      return setTyped('');
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) setActive((active + step + options.length) % Math.max(1, options.length));
    else if (event.key === 'Enter') take(options[active]);
    else if (event.key === 'Escape') close();
    else return;
    event.preventDefault();
    // The dialog around it stays open.
    event.stopPropagation();
  };
  return h(
    'div',
    { class: 'search' },
    h('input', {
      id,
      type: 'text',
      role: 'combobox',
      autoComplete: 'off',
      'aria-autocomplete': 'list',
      'aria-expanded': open,
      'aria-controls': `${id}-list`,
      ...(open && options.length > 0 ? { 'aria-activedescendant': `${id}-${active}` } : {}),
      ...(props.describedBy === undefined ? {} : { 'aria-describedby': props.describedBy }),
      ...(props.invalid ? { 'aria-invalid': true } : {}),
      ...(props.required ? { 'aria-required': true } : {}),
      ...(props.label === undefined ? {} : { 'aria-label': props.label }),
      placeholder,
      value: typed ?? chosen,
      onInput: (event: Event) => setTyped((event.currentTarget as HTMLInputElement).value),
      onClick: () => setTyped(typed ?? ''),
      // So that typing looks for another instead of adding to the one that is chosen.
      onFocus: (event: Event) => (event.currentTarget as HTMLInputElement).select(),
      onBlur: close,
      onKeyDown,
    }),
    h(
      'ul',
      { id: `${id}-list`, role: 'listbox', 'aria-label': 'What is offered', hidden: !open },
      (options ?? []).map((option, index) =>
        h(
          'li',
          {
            key: asText(option['value']),
            id: `${id}-${index}`,
            role: 'option',
            'aria-selected': index === active,
            // Before the input loses the focus, which would close the list.
            onMouseDown: (event: Event) => {
              event.preventDefault();
              take(option);
            },
          },
          plainOf(option['text']),
        ),
      ),
    ),
    open && options.length === 0 ? h('p', { class: 'hint', role: 'status' }, 'Nothing fits.') : null,
  );
}
