/** What the log is called, what signs it, and who keeps copies of what was signed. */
import { isAbsolute } from 'node:path';
import {
  defaulted,
  optional,
  readShape,
  type Environment,
  type Problem,
  type Read,
  type ReadText,
  type Values,
} from './field.ts';
import { folder, form, listOf, webAddress, word } from './forms.ts';

/** In an origin and in a key's lines: no spaces, no plus signs, no slash. */
const logName = form((text) =>
  /^[A-Za-z0-9._-]{1,100}$/.test(text) ? { value: text } : { wrong: 'is not letters, digits, dots and dashes' },
);

export type WitnessAddress =
  { readonly kind: 'folder'; readonly path: string } | { readonly kind: 'http'; readonly address: string };

const witness = form((text): { value: WitnessAddress } | { wrong: string } => {
  if (isAbsolute(text)) return { value: { kind: 'folder', path: text } };
  const address = webAddress.safeParse(text);
  if (!address.success) return { wrong: 'is neither an absolute path nor an http(s) address' };
  const { username, password, search, hash } = new URL(address.data);
  if (username !== '' || password !== '') return { wrong: 'holds a login: put it into CURFEW_WITNESS_TOKEN' };
  if (search !== '' || hash !== '') return { wrong: 'has a query or a fragment' };
  return { value: { kind: 'http', address: address.data } };
});

const command = form((text) => (text.length <= 4_000 ? { value: text } : { wrong: 'is too long' }));

export const auditShape = {
  CURFEW_AUDIT_NAME: defaulted(logName, 'curfew', {
    what: 'name of the log in its signed checkpoints, whose origin is NAME/EPOCH',
    mend: 'Set it to a name such as the host name of Curfew, and never change it.',
  }),
  CURFEW_AUDIT_KEY_FILE: optional(folder, {
    what: 'file with the keys that sign the log, mode 0600, one a line; all sign; unset: see CURFEW_AUDIT_KEY_COMMAND',
    mend: 'Set it to the absolute path of a file that `curfew audit key new` made.',
  }),
  CURFEW_AUDIT_KEY_COMMAND: optional(command, {
    what: 'command that prints these keys, e.g. of a vault; both unset: no checkpoints are signed',
    mend: 'Set it to a command for the shell that prints the keys and nothing else, or unset it.',
  }),
  CURFEW_WITNESSES: optional(listOf(witness), {
    what: 'who keeps copies of signed checkpoints: folders and http(s) addresses, comma-separated',
    mend: 'Set it to absolute paths of folders on other machines, and addresses that take PUT; none twice.',
  }),
  CURFEW_WITNESS_TOKEN: optional(word, {
    what: 'bearer token for the witnesses that are http(s) addresses',
    mend: 'Set it to the token, or unset it.',
  }),
} as const;

export type AuditConfig = {
  readonly name: string;
  /** Absent: the log has its tree, and nobody signs it. */
  readonly keys?:
    { readonly kind: 'file'; readonly path: string } | { readonly kind: 'command'; readonly command: string };
  readonly witnesses: readonly WitnessAddress[];
  readonly witnessToken?: string;
};

export function auditOf(values: Values<typeof auditShape>): AuditConfig | { readonly problems: readonly Problem[] } {
  const { CURFEW_AUDIT_KEY_FILE: path, CURFEW_AUDIT_KEY_COMMAND: printing, CURFEW_WITNESSES: witnesses } = values;
  if (path !== undefined && printing !== undefined)
    return wrong('CURFEW_AUDIT_KEY_FILE', 'is set together with CURFEW_AUDIT_KEY_COMMAND', 'Keep one of them.');
  if (witnesses !== undefined && path === undefined && printing === undefined)
    return wrong(
      'CURFEW_WITNESSES',
      'is set, and nothing signs what they would keep',
      'Set CURFEW_AUDIT_KEY_FILE too.',
    );
  return {
    name: values.CURFEW_AUDIT_NAME,
    ...(path === undefined ? {} : { keys: { kind: 'file', path } }),
    ...(printing === undefined ? {} : { keys: { kind: 'command', command: printing } }),
    witnesses: witnesses ?? [],
    ...(values.CURFEW_WITNESS_TOKEN === undefined ? {} : { witnessToken: values.CURFEW_WITNESS_TOKEN }),
  };
}

/** What the commands about the log need of it; every problem at once, and no value in any of them. */
export const readAuditConfig = (environment: Environment, readText?: ReadText): Read<AuditConfig> =>
  readShape(auditShape, environment, auditOf, readText);

const wrong = (variable: string, what: string, mend: string): { readonly problems: readonly Problem[] } => ({
  problems: [{ variable, wrong: what, mend }],
});
