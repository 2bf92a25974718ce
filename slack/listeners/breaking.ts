/** Access for an incident by the form of App Home; the line of the command is `commands.ts`. */
import { isRefusal, refuse, type Refusal } from '../../domain/errors.ts';
import type { PersonId } from '../../domain/ids.ts';
import { parseSpan } from '../../domain/time.ts';
import type { OpenInput } from '../../service/contract.ts';
import { actions, blocks } from '../ids.ts';
import type { Desk, SlackAccount } from '../service.ts';
import { breakGlassForm, readGlass } from '../views/emergency.ts';
import { unreadableSpan } from './asking.ts';
import type { Field } from './form-values.ts';
import type { Clicker, Opener } from './turn.ts';

/** @returns a refusal for whoever the policy lets break glass nowhere: the Home may have been older than the policy */
export async function openBreakGlass(
  desk: Desk,
  { client, triggerId }: Opener,
  person: PersonId,
): Promise<Refusal | undefined> {
  const options = await desk.service.options({ person });
  if (isRefusal(options)) return options;
  const offers = options
    .filter(({ breakGlass }) => breakGlass.length > 0)
    .map(({ target, breakGlass }) => ({ target, roles: breakGlass }));
  if (offers.length === 0) return refuse('PolicyDenied', 'The policy lets you break glass for nothing.');
  await client.views.open({ trigger_id: triggerId, view: breakGlassForm(offers) });
  return undefined;
}

/**
 * What is known of the account that asks. What Slack does not say in time speaks against nobody; since when an account
 * is linked the store knows itself.
 */
export async function breakingAs(desk: Desk, account: SlackAccount): Promise<NonNullable<OpenInput['account']>> {
  const [facts, from] = await Promise.all([desk.accounts.factsOf(account), desk.records.approvesFromOf(account)]);
  const { deleted = false, bot = false, restricted = false, stranger = false } = facts ?? {};
  return { deleted, bot, restricted, stranger, fresh: from !== null && from > desk.clock() };
}

/** @param key the view's id: the same form sent again is the same break-glass */
export async function sendBreakGlass(
  desk: Desk,
  { person, account: of }: Pick<Clicker, 'person' | 'account'>,
  field: Field,
  key: string,
): Promise<Refusal | undefined> {
  const what = readGlass(field(blocks.target, actions.glass));
  if (!what) return refuse('InvalidInput', 'Choose what you need.', blocks.target);
  const durationMs = parseSpan(field(blocks.duration, actions.duration));
  if (durationMs === undefined) return refuse('InvalidInput', unreadableSpan, blocks.duration);
  const reason = field(blocks.reason, actions.reason);
  const ticket = field(blocks.ticket, actions.ticket);
  const account = await breakingAs(desk, of);
  const asked = { person, account, kind: 'break-glass', ...what, durationMs, ticket, reason, key } as const;
  const result = await desk.service.open(asked);
  return isRefusal(result) ? result : undefined;
}
