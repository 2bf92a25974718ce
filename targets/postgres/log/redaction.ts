/**
 * Statement texts as they may be kept. Literals hold what a statement is about: names, addresses, amounts; what is left
 * without them says what was done. PostgreSQL's lexical rules alone (https://www.postgresql.org/docs/current/sql-syntax-lexical.html),
 * because what does not parse, or is of another version, must be redacted as well.
 */

/** `redacted`: without literals, comments and values; `whole`: as written, but for what may hold a password; `none`: not at all. */
export type Keeping = 'redacted' | 'whole' | 'none';

/** Stands for a literal, a parameter's value, a function's body. */
const literal = '?';
/** Stands for all that follows a place from which on nobody can tell what is a literal. */
const cutOff = '…';
/** A longer text is cut: nobody reads it, and a grantee can send a gigabyte. */
const longest = 16_384;

/** What cannot be parsed may be anything at all, a password typed at the wrong prompt too. */
const syntaxError = '42601';

/**
 * @param error SQLSTATE with which it failed
 * @returns null where nothing of it is kept
 */
export function keptText(text: string, keeping: Keeping, error: string | null = null): string | null {
  if (keeping === 'none') return null;
  if (keeping === 'redacted' || /password/i.test(text)) {
    return error === syntaxError ? null : shortened(redact(text, longest));
  }
  return shortened(text.replaceAll('\0', ''));
}

/** Values of a prepared statement's parameters, as the log's detail lists them. */
export function keptParameters(parameters: string, text: string, keeping: Keeping): string | null {
  if (keeping === 'none') return null;
  return shortened(keeping === 'redacted' || /password/i.test(text) ? redact(parameters, longest) : parameters);
}

const shortened = (text: string): string => (text.length <= longest ? text : `${text.slice(0, longest)}${cutOff}`);

/** How far a token goes, and what is kept of it. `end` undefined: nobody can tell, and nothing after it is kept. */
type Token = { readonly end: number | undefined; readonly kept: string };

/**
 * The statement without literals and comments, runs of white space as one blank. Never throws, whatever it is given.
 * @param enough characters of the result after which it may stop
 */
export function redact(sql: string, enough = Number.POSITIVE_INFINITY): string {
  // NB. Joined once: a text that grows is copied each time that its end is looked at.
  const kept: string[] = [];
  let length = 0;
  let blank = true;
  let cut = false;
  for (let at = 0; at < sql.length && length <= enough && !cut;) {
    const token = tokenAt(sql, at);
    if (!blank || token.kept !== ' ') {
      kept.push(token.kept);
      length += token.kept.length;
      blank = token.kept === ' ';
    }
    cut = token.end === undefined;
    at = token.end ?? sql.length;
  }
  return cut ? `${kept.join('')}${cutOff}` : kept.join('').trimEnd();
}

const space = /[\s\0]+/y;
const word = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y;
const parameter = /\$\d+/y;
const dollarTag = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;
/** With whatever letters hang on it: `12abc` was a number and a name once. */
const number = /(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?[\d_]+)?[\w\u0080-\uffff]*/y;

function tokenAt(sql: string, at: number): Token {
  const starts = (text: string): boolean => sql.startsWith(text, at);
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(sql)?.[0];
  };
  const blank = match(space);
  if (blank !== undefined) return { end: at + blank.length, kept: ' ' };
  if (starts('--')) return lineComment(sql, at);
  if (starts('/*')) return blockComment(sql, at);
  if (starts("'")) return quoted(sql, at, 'plain');
  if (starts('"')) return quotedName(sql, at);
  const name = match(word);
  // E'...' alone reads backslashes; the marks before B'', X'', N'' and U&'' change nothing about where it ends.
  if (name !== undefined) {
    const end = at + name.length;
    return /^e$/i.test(name) && sql[end] === "'" ? quoted(sql, end, 'escapes') : { end, kept: name };
  }
  const value = match(number);
  if (value !== undefined) return { end: at + value.length, kept: literal };
  const place = match(parameter);
  if (place !== undefined) return { end: at + place.length, kept: place };
  const tag = match(dollarTag);
  if (tag !== undefined) {
    const close = sql.indexOf(tag, at + tag.length);
    return { end: close < 0 ? undefined : close + tag.length, kept: literal };
  }
  return { end: at + 1, kept: sql[at] ?? '' };
}

function lineComment(sql: string, at: number): Token {
  const ends = /[\r\n]/g;
  ends.lastIndex = at;
  return { end: ends.exec(sql)?.index ?? sql.length, kept: ' ' };
}

/** They nest, other than in the standard. */
function blockComment(sql: string, at: number): Token {
  const marks = /\/\*|\*\//g;
  marks.lastIndex = at;
  let depth = 0;
  for (let mark = marks.exec(sql); mark; mark = marks.exec(sql)) {
    depth += mark[0] === '/*' ? 1 : -1;
    if (depth === 0) return { end: marks.lastIndex, kept: ' ' };
  }
  return { end: undefined, kept: ' ' };
}

/**
 * NB. Whether a backslash means anything in a plain literal depends on a setting of the session
 * (standard_conforming_strings), which the log does not tell. So a quote after an odd number of them may end the literal
 * or not, and nothing that follows is kept.
 */
function quoted(sql: string, open: number, kind: 'plain' | 'escapes'): Token {
  let backslashes = 0;
  for (let at = open + 1; at < sql.length; at += 1) {
    const char = sql[at];
    if (char === '\\') {
      backslashes += 1;
      continue;
    }
    const odd = backslashes % 2 === 1;
    backslashes = 0;
    if (char !== "'" || (odd && kind === 'escapes')) continue;
    if (odd) return { end: undefined, kept: literal };
    if (sql[at + 1] !== "'") return { end: at + 1, kept: literal };
    at += 1;
  }
  return { end: undefined, kept: literal };
}

function quotedName(sql: string, open: number): Token {
  for (let at = open + 1; at < sql.length; at += 1) {
    if (sql[at] !== '"') continue;
    if (sql[at + 1] !== '"') return { end: at + 1, kept: sql.slice(open, at + 1) };
    at += 1;
  }
  return { end: undefined, kept: '' };
}
