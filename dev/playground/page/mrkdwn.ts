/**
 * Reads Slack's mrkdwn into pieces (https://docs.slack.dev/messaging/formatting-message-text). Only a bare `<` begins
 * something live; what a person wrote arrives escaped, so a `<!channel>` or a link of theirs stays text. The pieces
 * are put into text nodes: nothing here, nor in `marked.ts`, ever makes HTML.
 */

export type Piece =
  | { readonly kind: 'text' | 'code' | 'block' | 'unknown'; readonly text: string }
  | { readonly kind: 'bold' | 'italic' | 'strike' | 'quote'; readonly of: readonly Piece[] }
  | { readonly kind: 'link'; readonly href: string; readonly of: readonly Piece[] }
  | { readonly kind: 'user' | 'channel'; readonly id: string }
  | { readonly kind: 'everybody'; readonly text: string }
  /** `at` in epoch ms. */
  | { readonly kind: 'date'; readonly at: number; readonly form: string }
  | { readonly kind: 'sign'; readonly sign: string; readonly name: string };

type Reader = (found: RegExpExecArray) => Piece | null;

/** Sticky patterns in the order in which they are tried where a piece may begin. */
const readers: readonly (readonly [RegExp, Reader])[] = [
  [/```\n?([^]+?)\n?```/y, (found) => ({ kind: 'block', text: unescaped(found[1] ?? '') })],
  [/`([^`\n]+)`/y, (found) => ({ kind: 'code', text: unescaped(found[1] ?? '') })],
  [/<([^<>\n]+)>/y, (found) => angled(found[1] ?? '')],
  [/(?<=^|\n)&gt; ?([^\n]*)\n?/y, (found) => ({ kind: 'quote', of: piecesOf(found[1] ?? '') })],
  [
    /(?<![\w*])\*(?=\S)((?:<[^<>\n]*>|[^*<\n])+)(?<!\s)\*(?![\w*])/y,
    (found) => ({ kind: 'bold', of: piecesOf(found[1] ?? '') }),
  ],
  [
    /(?<!\w)_(?=\S)((?:<[^<>\n]*>|[^_<\n])+)(?<!\s)_(?!\w)/y,
    (found) => ({ kind: 'italic', of: piecesOf(found[1] ?? '') }),
  ],
  [
    /(?<!\w)~(?=\S)((?:<[^<>\n]*>|[^~<\n])+)(?<!\s)~(?!\w)/y,
    (found) => ({ kind: 'strike', of: piecesOf(found[1] ?? '') }),
  ],
  [/:([a-z0-9_+-]+):/y, (found) => signOf(found[1] ?? '')],
];

/** Where a piece may begin; everything between is text. */
const beginnings = /[`<&*_~:]/g;

export function piecesOf(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  beginnings.lastIndex = 0;
  for (let at = nextBeginning(text, 0); at < text.length;) {
    const found = pieceAt(text, at);
    if (found === null) {
      at = nextBeginning(text, at + 1);
      continue;
    }
    if (at > from) pieces.push({ kind: 'text', text: unescaped(text.slice(from, at)) });
    pieces.push(found.piece);
    from = found.end;
    at = nextBeginning(text, from);
  }
  if (from < text.length) pieces.push({ kind: 'text', text: unescaped(text.slice(from)) });
  return pieces;
}

function nextBeginning(text: string, from: number): number {
  beginnings.lastIndex = from;
  return beginnings.exec(text)?.index ?? text.length;
}

function pieceAt(text: string, at: number): { readonly piece: Piece; readonly end: number } | null {
  for (const [pattern, read] of readers) {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    const end = pattern.lastIndex;
    const piece = found && read(found);
    if (piece) return { piece, end };
  }
  return null;
}

/** `<...>`: a mention, a date, or a link to http(s); anything else stays visible as it is written. */
function angled(inner: string): Piece {
  const [what, label] = splitOnce(inner, '|');
  const [, sort = '', id = ''] = /^([@#])([A-Z0-9]+)$/.exec(what) ?? [];
  if (sort === '@') return { kind: 'user', id };
  if (sort === '#') return { kind: 'channel', id };
  const date = /^!date\^(\d{1,12})\^([^^]*)/.exec(what);
  if (date) return { kind: 'date', at: Number(date[1]) * 1_000, form: unescaped(date[2] ?? '') };
  if (/^!(?:channel|here|everyone)$/.test(what)) return { kind: 'everybody', text: `@${what.slice(1)}` };
  const href = safeHref(unescaped(what));
  if (href === null) return { kind: 'unknown', text: unescaped(`<${inner}>`) };
  return { kind: 'link', href, of: label === undefined ? [{ kind: 'text', text: unescaped(what) }] : piecesOf(label) };
}

/** Only http and https are followed; `javascript:` and its like are not. */
export function safeHref(address: string): string | null {
  try {
    const { protocol, href } = new URL(address);
    return protocol === 'http:' || protocol === 'https:' ? href : null;
  } catch {
    return null;
  }
}

const signs: Readonly<Record<string, string>> = {
  hourglass_flowing_sand: '⏳',
  white_check_mark: '✅',
  key: '🔑',
  lock: '🔒',
  rotating_light: '🚨',
  warning: '⚠️',
  no_entry: '⛔',
  x: '❌',
  bell: '🔔',
  calendar: '📅',
  eyes: '👀',
  arrow_right: '➡️',
  information_source: 'ℹ️',
};

const signOf = (name: string): Piece | null => {
  const sign = Object.hasOwn(signs, name) ? signs[name] : undefined;
  return sign === undefined ? null : { kind: 'sign', sign, name };
};

function splitOnce(text: string, by: string): readonly [string, string?] {
  const at = text.indexOf(by);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

const unescaped = (text: string): string =>
  text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
