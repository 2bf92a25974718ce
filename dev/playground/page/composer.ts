/** Where a person types the slash command, with what can stand behind it. */
import { h, type ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

export type ComposerProps = {
  readonly id: string;
  readonly command: string;
  readonly who: string;
  readonly text: string;
  readonly onText: (text: string) => void;
  readonly onSend: (text: string) => Promise<void>;
  readonly onShortcut: () => void;
};

const hints: readonly (readonly [line: string, says: string])[] = [
  ['', 'opens the form'],
  ['orders-prod read 2h because INC-12 slow query', 'asks at once'],
  ['breakglass orders-prod write INC-12 "checkout down"', 'for an incident, without approval before'],
  ['mine', 'what you hold, asked for and are waited for'],
  ['away until monday delegate @kwame', 'somebody else decides for you meanwhile'],
  ['help', 'everything it can do'],
];

export function Composer({ id, command, who, text, onText, onSend, onShortcut }: ComposerProps): ComponentChildren {
  const [busy, setBusy] = useState(false);
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    // Pasted as it stands in a guide, the command is not said twice.
    await onSend(text.startsWith(command) ? text.slice(command.length).trim() : text.trim());
    setBusy(false);
  };
  return h(
    'form',
    { class: 'composer', onSubmit: (event: Event) => void send(event) },
    h(
      'div',
      { class: 'line' },
      h('label', { for: id }, command, h('span', { class: 'unseen' }, ` as ${who}`)),
      h('input', {
        id,
        type: 'text',
        autoComplete: 'off',
        spellcheck: false,
        value: text,
        placeholder: 'orders-prod read 2h because …',
        'aria-describedby': `${id}-hint`,
        onInput: (event: Event) => onText((event.currentTarget as HTMLInputElement).value),
      }),
      h('button', { type: 'submit', class: 'button primary', 'aria-disabled': busy }, 'Send'),
    ),
    h(
      'div',
      { class: 'composer-foot' },
      h(
        'details',
        { class: 'hints' },
        h('summary', { id: `${id}-hint` }, `What ${command} takes`),
        h(
          'ul',
          null,
          hints.map(([line, says]) =>
            h(
              'li',
              { key: line },
              h('button', { type: 'button', class: 'plain', onClick: () => onText(line) }, `${command} ${line}`.trim()),
              ` ${says}`,
            ),
          ),
        ),
      ),
      h('button', { type: 'button', class: 'button small', onClick: onShortcut }, 'Ask for access…'),
    ),
  );
}
