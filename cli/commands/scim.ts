import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { scimTokenMade, scimTokenRevoked } from '../../domain/events/people.ts';
import { dayMs, formatInstant, parseSpan } from '../../domain/time.ts';
import { makeToken } from '../../service/scim-secret.ts';
import { append } from '../../store/audit.ts';
import type { Store } from '../../store/pool.ts';
import * as tokens from '../../store/scim-tokens.ts';
import { scimScopes, type ListedToken, type ScimScope } from '../../store/scim-tokens.ts';
import { withAdminStore } from '../settings.ts';
import { exitCodes, printJson, printTable, Stopped, type Terminal } from '../terminal.ts';
import { wholeId } from '../whole-id.ts';
import { loginOf } from './people-link.ts';

type MakeOptions = {
  readonly source: string;
  readonly scope: string;
  readonly expires: string;
  readonly inactive: string;
  readonly json?: true;
};
type Json = { readonly json?: true };

const longestLifeMs = 366 * dayMs;

/** `curfew scim token`: whoever holds such a token says who works here, so only an operator makes one. */
export function registerScim(program: Command, terminal: Terminal): void {
  const scim = program.command('scim').description('Let an identity provider say who works here, over SCIM 2.0.');
  const token = scim.command('token').description('Make, list and revoke the tokens of identity providers.');
  token
    .command('make')
    .summary('make a token, shown once')
    .description(
      'Makes a bearer token for an identity provider and prints it once; the store has its hash. Several tokens of one source hold at once: to rotate, make a new one, put it in its place, and revoke the old one.',
    )
    .requiredOption('--source <name>', 'whose word it is, e.g. okta: what it says is said by scim-okta')
    .option('--scope <list>', `what it may do, comma-separated: ${scimScopes.join(', ')}`, scimScopes.join(','))
    .option('--expires <span>', 'for how long it holds, e.g. 90d; at most 366d', '90d')
    .option('--inactive <state>', 'what "active": false means: suspended or left', 'suspended')
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  curfew scim token make --source okta\n  curfew scim token make --source entra --scope users:read,users:write --expires 30d',
    )
    .action((options: MakeOptions) => withAdminStore(terminal, (store) => make(terminal, store, options)));
  token
    .command('list')
    .description('Lists tokens, newest first, with when each was used last. The tokens themselves are kept nowhere.')
    .option('--json', 'print it as JSON')
    .action((options: Json) => withAdminStore(terminal, (store) => list(terminal, store, options)));
  token
    .command('revoke')
    .description('Ends a token at once.')
    .argument('<id>', "the token's id, whole, as `list` has it")
    .option('--json', 'print it as JSON')
    .action((id: string, options: Json) => withAdminStore(terminal, (store) => revoke(terminal, store, id, options)));
}

async function make(terminal: Terminal, store: Store, options: MakeOptions): Promise<void> {
  const wanted = wantedBy(options, terminal.clock());
  const { shown, hash } = makeToken();
  const { id, source, scopes, inactive, expiresAt } = wanted;
  await store.transaction(async (tx) => {
    await tokens.insert(tx, { ...wanted, hash });
    await append(tx, scimTokenMade(await loginOf(tx), id, { source, scopes, inactive, expiresAt }));
  });
  if (options.json)
    return printJson(terminal, { id, source, scopes, inactive, expiresAt: formatInstant(expiresAt), token: shown });
  terminal.out(`${shown}\n`);
  terminal.err(
    `This is shown once. Give it to ${source.replace('scim-', '')} as its bearer token for .../scim/v2; it holds until ${formatInstant(expiresAt)}. To end it: curfew scim token revoke ${id}\n`,
  );
}

/** @throws Stopped for what no token can be */
function wantedBy(options: MakeOptions, now: number): tokens.ScimToken {
  const source = `scim-${options.source}`;
  if (!/^scim-[a-z0-9][a-z0-9-]{0,40}$/.test(source))
    throw new Stopped('--source takes a short name of small letters, digits and hyphens: okta.', exitCodes.usage);
  const scopes = [...new Set(options.scope.split(',').map((scope) => scope.trim()))];
  if (!scopes.every((scope): scope is ScimScope => (scimScopes as readonly string[]).includes(scope)))
    throw new Stopped(`--scope takes some of ${scimScopes.join(', ')}.`, exitCodes.usage);
  const lifeMs = parseSpan(options.expires);
  if (lifeMs === undefined || lifeMs <= 0 || lifeMs > longestLifeMs)
    throw new Stopped('--expires takes a span of at most a year: 90d.', exitCodes.usage);
  const { inactive } = options;
  if (inactive !== 'suspended' && inactive !== 'left')
    throw new Stopped('--inactive takes suspended or left.', exitCodes.usage);
  return { id: randomUUID(), source, scopes, inactive, expiresAt: now + lifeMs };
}

async function list(terminal: Terminal, store: Store, { json }: Json): Promise<void> {
  const found = await tokens.list(store);
  const now = terminal.clock();
  const rows = found.map((token) => ({
    id: token.id,
    source: token.source,
    state: stateOf(token, now),
    scopes: token.scopes,
    inactive: token.inactive,
    madeBy: token.madeBy,
    madeAt: formatInstant(token.madeAt),
    expiresAt: formatInstant(token.expiresAt),
    lastUsedAt: token.lastUsedAt === null ? null : formatInstant(token.lastUsedAt),
    revokedAt: token.revokedAt === null ? null : formatInstant(token.revokedAt),
  }));
  if (json) return printJson(terminal, rows);
  if (rows.length === 0) return terminal.out('There is no token: nobody says anything over SCIM.\n');
  printTable(
    terminal,
    ['token', 'source', 'state', 'scopes', 'made by', 'expires', 'last used'],
    rows.map((row) => [row.id, row.source, row.state, row.scopes.join(' '), row.madeBy, row.expiresAt, row.lastUsedAt]),
  );
}

const stateOf = ({ revokedAt, expiresAt }: ListedToken, now: number): 'holds' | 'revoked' | 'expired' =>
  revokedAt !== null ? 'revoked' : expiresAt <= now ? 'expired' : 'holds';

async function revoke(terminal: Terminal, store: Store, given: string, { json }: Json): Promise<void> {
  const id = wholeId(given, 'A token is named by its whole id: curfew scim token list.');
  const revoked = await store.transaction(async (tx) => {
    const token = await tokens.revoke(tx, id);
    if (token) await append(tx, scimTokenRevoked(await loginOf(tx), id, token));
    return token;
  });
  if (!revoked) throw new Stopped('There is no such token, or it was revoked before. Nothing changed.');
  if (json) return printJson(terminal, { id, ...revoked, revoked: true });
  terminal.out(`${id} of ${revoked.source} holds no more.\n`);
}
