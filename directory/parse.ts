/**
 * The file of sources (CURFEW_HR_SOURCES). Read as strictly as the policy: every mistake at once, each with its place,
 * and no secret in any of them.
 */
import { inFileOrder, quote, type Issue, type Path } from '../policy/issue.ts';
import { check } from '../policy/shape.ts';
import { readYaml, type Source } from '../policy/source.ts';
import { oktaTypes, presetNames, presets } from './presets.ts';
import { type askSchema, eventSchema, fileSchema, signatureSchema, sourceSchema } from './schema.ts';
import type { Ask, EventShape, Hook, Signature, SourceSpec } from './spec.ts';
import type { z } from 'zod';

export type ParsedSources =
  | { readonly ok: true; readonly sources: readonly SourceSpec[] }
  | { readonly ok: false; readonly issues: readonly Issue[] };

type Tell = (at: Path, code: string, message: string, onKey?: boolean) => void;

/** Reads a file of sources. Never throws, whatever the text; all issues in file order. */
export function parseSources(text: string, file: string): ParsedSources {
  const read = readYaml(text, file);
  if (!read.ok) return { ok: false, issues: inFileOrder(read.issues) };
  const { source } = read;
  const issues: Issue[] = [];
  const tell: Tell = (at, code, message, onKey = false) => issues.push(source.issue(at, code, message, { onKey }));
  const shape = check(fileSchema, source.data, [], source, issues);
  const specs = Object.entries(shape?.sources ?? {}).flatMap(([name, value]) => {
    if (!isName(name)) tell(['sources', name], 'bad-source', `${quote(name)} cannot be the name of a source`, true);
    const spec = readSource(name, value, source, issues, tell);
    return spec ? [spec] : [];
  });
  checkSecrets(specs, tell);
  if (shape && Object.keys(shape.sources).length === 0) tell(['sources'], 'no-source', 'no source is named');
  return issues.length > 0 ? { ok: false, issues: inFileOrder(issues) } : { ok: true, sources: specs };
}

/** Names of words that others say: an operator's, the first hook's, and SCIM's. */
const isName = (name: string): boolean =>
  /^[a-z][a-z0-9-]{0,30}$/.test(name) && !/^(?:hr|default|operator|scim.*)$/.test(name);

function readSource(name: string, value: unknown, source: Source, issues: Issue[], tell: Tell): SourceSpec | undefined {
  const at: Path = ['sources', name];
  const read = check(sourceSchema, value, at, source, issues);
  if (!read) {
    // Its hook is looked at all the same: every mistake is told at once.
    const hook = partsOf(value);
    if (hook) readHook({ ...hook, secrets: [] }, [...at, 'hook'], source, issues, tell);
    return undefined;
  }
  const { domain, okta, ask, pull } = read;
  if (!read.hook && !okta && !ask) tell(at, 'empty-source', 'nothing is delivered by it and it cannot be asked');
  if (pull && !ask) tell([...at, 'pull'], 'pull-without-ask', 'only a source that can be asked (ask) is pulled');
  const hook = read.hook && readHook(read.hook, [...at, 'hook'], source, issues, tell);
  const asked = ask && readAsk(ask, [...at, 'ask'], tell);
  return {
    name,
    ...(domain === undefined ? {} : { domain }),
    ...(hook ? { hook } : {}),
    ...(okta
      ? { okta: { authorization: okta.authorization, types: new Map(Object.entries(okta.types ?? oktaTypes)) } }
      : {}),
    ...(asked ? { ask: asked } : {}),
    ...(pull ? { pull: { everyMs: pull.every, missingPercent: pull.missing } } : {}),
  };
}

/** What of a hook can be read although the source has mistakes. */
function partsOf(value: unknown): Omit<ReadHook, 'secrets'> | undefined {
  const hook = fieldsOf(fieldsOf(value)?.['hook']);
  if (!hook) return undefined;
  const [signature, event] = [fieldsOf(hook['signature']), fieldsOf(hook['event'])];
  const preset = presetNames.find((name) => name === (hook['preset'] ?? 'standard'));
  return preset && { preset, ...(signature ? { signature } : {}), ...(event ? { event } : {}) };
}

const fieldsOf = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;

type ReadHook = NonNullable<z.output<typeof sourceSchema>['hook']>;

function readHook(
  { preset, secrets, ...own }: ReadHook,
  at: Path,
  source: Source,
  issues: Issue[],
  tell: Tell,
): Hook | undefined {
  const known = presets[preset];
  const event = check(eventSchema, eventWith(known.event, own.event), [...at, 'event'], source, issues);
  if (event && (event.handle === undefined) === (event.id === undefined))
    tell([...at, 'event'], 'bad-subject', 'an event names who it is about by one of handle and id');
  if (preset === 'standard' && !own.signature) {
    secrets.forEach((secret, index) => {
      if (!isStandardSecret(secret))
        tell([...at, 'secrets', index], 'bad-secret', 'Standard Webhooks: whsec_ and base64 of at least 24 bytes');
    });
    return event && { signature: { kind: 'standard', secrets }, event: shapeOf(event) };
  }
  const given = check(signatureSchema, { ...known.signature, ...own.signature }, [...at, 'signature'], source, issues);
  if (!given || !event) return undefined;
  checkContent(given, [...at, 'signature'], tell);
  if (!given.timestamp && event.version === undefined && event.delivery === undefined)
    tell(
      at,
      'replayable',
      'nothing that is signed tells two events apart: name a timestamp, or where the body has a version or a delivery',
    );
  return { signature: signatureOf(given, secrets, at, tell), event: shapeOf(event) };
}

/** Whoever names the subject by id does not name it by the preset's handle. */
const eventWith = (known: Readonly<Record<string, unknown>>, own: Readonly<Record<string, unknown>> = {}): unknown => {
  const { handle, ...rest } = known;
  return { ...rest, ...('id' in own || handle === undefined ? {} : { handle }), ...own };
};

const isStandardSecret = (secret: string): boolean =>
  /^whsec_[A-Za-z0-9+/]+={0,2}$/.test(secret) && Buffer.from(secret.slice(6), 'base64').length >= 24;

const shapeOf = ({ types, each, handle, id, version, effectiveAt, delivery, ...event }: ReadEvent): EventShape => ({
  ...event,
  types: new Map(Object.entries(types)),
  ...(each === undefined ? {} : { each }),
  ...(handle === undefined ? {} : { handle }),
  ...(id === undefined ? {} : { id }),
  ...(version === undefined ? {} : { version }),
  ...(effectiveAt === undefined ? {} : { effectiveAt }),
  ...(delivery === undefined ? {} : { delivery }),
});
type ReadEvent = z.output<typeof eventSchema>;
type ReadSignature = z.output<typeof signatureSchema>;

/** What is not signed holds nobody: a stamp or an id beside the signed content could be anybody's. */
function checkContent({ content, timestamp, id }: ReadSignature, at: Path, tell: Tell): void {
  const named = [...content.matchAll(/\{(\w*)\}/g)].map(([, name]) => name ?? '');
  const strange = named.filter((name) => !['body', 'timestamp', 'id'].includes(name));
  if (strange.length > 0)
    tell([...at, 'content'], 'bad-content', 'what is signed is made of {body}, {timestamp} and {id}');
  if (!named.includes('body')) tell([...at, 'content'], 'bad-content', 'what is signed has to contain {body}');
  for (const [name, header] of [
    ['timestamp', timestamp],
    ['id', id],
  ] as const) {
    if (named.includes(name) && !header) tell(at, 'missing-field', `{${name}} is signed, and no header carries it`);
    if (!named.includes(name) && header)
      tell([...at, name], 'unsigned', `this header is not signed: {${name}} does not stand in the content`);
  }
}

function signatureOf(given: ReadSignature, secrets: readonly string[], at: Path, tell: Tell): Signature {
  const keys = secrets.map((secret, index) => {
    const key = Buffer.from(secret, given.key === 'text' ? 'utf8' : given.key);
    if (key.length < 16) tell([...at, 'secrets', index], 'bad-secret', `not ${given.key} of at least 16 bytes`);
    return key;
  });
  const { header, algorithm, encoding, prefix, content, timestamp, id } = given;
  return {
    kind: 'hmac',
    keys,
    header,
    algorithm,
    encoding,
    prefix,
    content,
    ...(id ? { id: id.header } : {}),
    ...(timestamp
      ? { timestamp: { header: timestamp.header, unit: timestamp.unit, toleranceMs: timestamp.tolerance } }
      : {}),
  };
}

function readAsk(ask: z.output<typeof askSchema>, at: Path, tell: Tell): Ask | undefined {
  const { file, url, token, timeout, states, manager, groups, ...pointers } = ask;
  if ((file === undefined) === (url === undefined)) {
    tell(at, 'bad-ask', 'a source is asked by one of file and url');
    return undefined;
  }
  if (file !== undefined) return { kind: 'file', path: file };
  return {
    kind: 'http',
    url: url ?? '',
    timeoutMs: timeout,
    ...pointers,
    states: new Map(Object.entries(states)),
    ...(token === undefined ? {} : { token }),
    ...(manager === undefined ? {} : { manager }),
    ...(groups === undefined ? {} : { groups }),
  };
}

/** With one secret for two of them, the deliveries of one would be believed by the other. */
function checkSecrets(specs: readonly SourceSpec[], tell: Tell): void {
  const owners = new Map<string, string>();
  for (const { name, hook, okta } of specs) {
    const own = [
      ...(hook?.signature.kind === 'standard' ? hook.signature.secrets.map((one) => one.slice(6)) : []),
      ...(hook?.signature.kind === 'hmac' ? hook.signature.keys.map((key) => key.toString('base64')) : []),
      ...(okta?.authorization ?? []),
    ];
    for (const one of own) {
      const owner = owners.get(one);
      if (owner !== undefined) tell(['sources', name], 'shared-secret', `${quote(owner)} has one of its secrets`, true);
      owners.set(one, name);
    }
  }
}
