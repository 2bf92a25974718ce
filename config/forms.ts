/** The forms that values of environment variables take. Messages say what is wrong and never repeat the value. */
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { parseSpan } from '../domain/time.ts';

type Made<Value> = { readonly value: Value } | { readonly wrong: string };

/** A form out of a function that gives the value or says what is wrong with the text. */
export const form = <Value>(make: (text: string) => Made<Value>): z.ZodType<Value, string> =>
  z.string().transform((text, context): Value => {
    const made = make(text);
    if ('value' in made) return made.value;
    context.issues.push({ code: 'custom', message: made.wrong, input: undefined });
    return z.NEVER;
  });

/** A value in JSON, held against a strict schema; every issue is reported with its path. */
export const json = <Value>(schema: z.ZodType<Value>): z.ZodType<Value, string> =>
  z
    .string()
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text);
      } catch {
        // NB. The parser's own message quotes the text.
        context.issues.push({ code: 'custom', message: 'is not valid JSON', input: undefined });
        return z.NEVER;
      }
    })
    .pipe(z.preprocess((value) => value, schema));

const urlOf = (text: string): URL | undefined => (URL.canParse(text) ? new URL(text) : undefined);

export const postgresUrl = form((text) => {
  const url = urlOf(text);
  if (!url || !['postgres:', 'postgresql:'].includes(url.protocol)) return { wrong: 'is not a postgres:// address' };
  if (url.hostname === '') return { wrong: 'names no host' };
  if (url.username === '') return { wrong: 'names no login' };
  return url.pathname.length > 1 ? { value: text } : { wrong: 'names no database' };
});

/** An absolute path of this machine. */
export const folder = form((text) => (isAbsolute(text) ? { value: text } : { wrong: 'is not an absolute path' }));

/** An http(s) origin, without a slash at its end. */
export const webOrigin = form((text) => {
  const url = urlOf(text);
  if (!url || !['http:', 'https:'].includes(url.protocol)) return { wrong: 'is not an http:// or https:// address' };
  if (url.username !== '' || url.password !== '') return { wrong: 'holds a login' };
  return url.pathname === '/' && url.search === '' && url.hash === ''
    ? { value: url.origin }
    : { wrong: 'has a path, a query or a fragment' };
});

/** An http(s) address with a slash at its end, as Slack's client wants it. */
export const webAddress = form((text) => {
  const url = urlOf(text);
  if (!url || !['http:', 'https:'].includes(url.protocol)) return { wrong: 'is not an http:// or https:// address' };
  return { value: url.href.endsWith('/') ? url.href : `${url.href}/` };
});

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** An https address, or http of this machine: what goes there must not be read on its way. */
export const secureAddress = form((text) => {
  const url = urlOf(text);
  if (!url || !['http:', 'https:'].includes(url.protocol)) return { wrong: 'is not an https:// address' };
  if (url.username !== '' || url.password !== '') return { wrong: 'holds a login' };
  return url.protocol === 'https:' || loopback.test(url.hostname)
    ? { value: url.href }
    : { wrong: 'is http:// of another machine' };
});

export const hostAndPort = form((text) => {
  const matched = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(text);
  return matched && Number(matched[2]) >= 1 && Number(matched[2]) <= 65_535
    ? { value: text }
    : { wrong: 'is not of the form host:port' };
});

export const port = form((text) =>
  /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? { value: Number(text) } : { wrong: 'is not a port' },
);

/** A span such as `15m`, in milliseconds; `0` is none. */
export const span = form((text) => {
  const ms = text === '0' ? 0 : parseSpan(text);
  return ms === undefined ? { wrong: 'is not a span of time' } : { value: ms };
});

export const word = form((text) =>
  /^[\x21-\x7e]{1,500}$/.test(text) ? { value: text } : { wrong: 'is not one word' },
);

export const prefixed = (prefix: string): z.ZodType<string, string> =>
  form((text) =>
    text.startsWith(prefix) && /^[\x21-\x7e]{4,500}$/.test(text)
      ? { value: text }
      : { wrong: `does not begin with ${prefix}` },
  );

export const pem = form((text) =>
  /-----BEGIN [A-Z ]+-----[\s\S]+-----END [A-Z ]+-----/.test(text)
    ? { value: Buffer.from(`${text}\n`) }
    : { wrong: 'is not PEM text' },
);

export const oneOf = <const Choice extends string>(choices: readonly Choice[]): z.ZodType<Choice, string> =>
  form((text) => {
    const found = choices.find((choice) => choice === text);
    return found === undefined ? { wrong: `is none of ${choices.join(', ')}` } : { value: found };
  });

/** Comma-separated, at least one, none twice. */
export const listOf = <Value>(one: z.ZodType<Value, string>): z.ZodType<readonly Value[], string> =>
  form((text) => {
    const parts = text.split(',').map((part) => part.trim());
    const read = parts.map((part) => one.safeParse(part));
    const bad = read.findIndex((each) => !each.success);
    if (bad >= 0) return { wrong: `entry ${bad + 1}: ${read[bad]?.error?.issues[0]?.message ?? 'is wrong'}` };
    if (new Set(parts).size < parts.length) return { wrong: 'names something twice' };
    return { value: read.flatMap((each) => (each.success ? [each.data] : [])) };
  });

export type NamedKey = { readonly id: string; readonly key: Buffer };

/** `id:base64` of a key of at least 32 bytes (exactly 32 where `bytes` says so). */
export const namedKey = (bytes?: number): z.ZodType<NamedKey, string> =>
  form((text) => {
    const matched = /^([A-Za-z0-9._-]{1,64}):([A-Za-z0-9+/]+={0,2})$/.exec(text);
    if (!matched) return { wrong: 'is not of the form id:base64' };
    const key = Buffer.from(matched[2] ?? '', 'base64');
    if (bytes !== undefined && key.length !== bytes) return { wrong: `is not a key of ${bytes} bytes` };
    return key.length < 32 ? { wrong: 'is a key of less than 32 bytes' } : { value: { id: matched[1] ?? '', key } };
  });

/** Standard Webhooks secrets: `whsec_` and base64 of 24 bytes or more; an empty or short one verifies nothing. */
export const webhookSecret = form((text) =>
  /^whsec_[A-Za-z0-9+/]+={0,2}$/.test(text) && Buffer.from(text.slice(6), 'base64').length >= 24
    ? { value: text }
    : { wrong: 'is not whsec_ and base64 of at least 24 bytes' },
);
