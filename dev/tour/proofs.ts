/** What is true of the whole tour afterwards: nothing secret stands anywhere, and what the history costs. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import type { History } from '@temporalio/common/lib/proto-utils.js';
import { countActions, countEvents } from '../../bench/history.ts';
import type { dataConverterFor } from '../../temporal/codec.ts';
import { accessRequestId } from '../../workflows/contract.ts';
import type { RequestId } from '../../domain/ids.ts';
import type { FirstRequest } from './first-request.ts';
import { personalIn } from './personal.ts';
import { must, type Evidence, type Report } from './report.ts';
import type { Stage } from './stage.ts';
import { converterOf, withTemporal } from './temporal.ts';

/** Measured on a quiet server and gated in the tests; the notice is not due in a request this short. */
const budget = { actions: 11, events: 58 } as const;

export async function proofs(stage: Stage, { step }: Report, first: Partial<FirstRequest>): Promise<void> {
  await step('every-invariant-holds', () => checked(stage));
  await step('no-secret-anywhere', () => searchEverything(stage));
  await step('history', async () => {
    must(first.requestId, 'there was no first request');
    const history = (await histories(stage, [first.requestId]))[0]?.history;
    must(history, 'the server has no history of it');
    const [events, actions] = [countEvents(history), countActions(history)];
    must(events <= budget.events && actions <= budget.actions, `${events} events and ${actions} billed actions`);
    return { events, actions, budget };
  });
}

/** What the checker reads by itself, of catalogs, ledgers, store and audit log. What is under way may take a moment. */
async function checked(stage: Stage): Promise<Evidence> {
  let said = '';
  const notes = await stage
    .waitFor(
      'a checker that finds nothing',
      async () => {
        const { code, out, err } = await stage.curfew(['doctor', '--json']);
        said = out.trim();
        return code === 0 && { text: err.trim() };
      },
      20_000,
    )
    .catch(() => null);
  must(notes, `the checker says ${said}`);
  return { findings: JSON.parse(said) as unknown, notes: notes.text };
}

/** Every secret of the tour is sought in everything that was written, and whatever is personal where it would stay. */
export async function searchEverything(stage: Stage): Promise<Evidence> {
  const ids = (await stage.inStore<{ id: string }>('select id from curfew.request')).map((row) => row.id);
  const slack = stage.workspace.recorder.calls().map(({ method, args, reply }) => ({ method, args, reply }));
  const written = await writtenIn(stage, ids);
  const evidence = lookFor(stage, { ...written, slack: JSON.stringify(slack) });
  const { sought, found } = await personalIn(stage, { audit: written.audit, histories: written.histories });
  must(found.length === 0, found.join('; '));
  return { ...evidence, personal: sought };
}

/**
 * @param ids the requests whose histories are looked through
 * @param more other places, by name
 * @throws Error naming each secret and where it stands
 */
export const searchFor = async (
  stage: Searched,
  ids: readonly string[],
  more: Readonly<Record<string, string>>,
): Promise<Evidence> => lookFor(stage, { ...(await writtenIn(stage, ids)), ...more });

type Searched = Pick<Stage, 'stack' | 'inStore' | 'secrets' | 'errors'>;

/** What a stack wrote, by place. */
export async function writtenIn(stage: Searched, ids: readonly string[]) {
  const raw = await histories(stage, ids);
  const audit = await stage.inStore<{ text: string }>(
    `select concat_ws(' ', kind, actor, subject, convert_from(body, 'UTF8')) as text from audit.entry`,
  );
  const state = await stage.inStore<{ text: string }>(
    `select to_jsonb(t)::text as text from (select plan::text, ticket, digest from curfew.request) t union all select view::text from curfew.projection
     union all select body::text from curfew.receipt union all select payload::text from curfew.outbox union all select evidence::text from curfew.revoke_outcome`,
  );
  return {
    histories: raw.map((one) => JSON.stringify(one)).join('\n'),
    logs: logs(stage),
    audit: audit.map((row) => row.text).join('\n'),
    store: state.map((row) => row.text).join('\n'),
    errors: stage.errors.join('\n'),
  };
}

/** Each secret, as text and as it would look in base64. */
function lookFor({ secrets }: Searched, places: Readonly<Record<string, string>>): Evidence {
  const leaks: string[] = [];
  for (const [name, secret] of secrets) {
    for (const [place, text] of Object.entries(places)) {
      if (!isAtHome(name, place) && forms(secret).some((form) => text.includes(form)))
        leaks.push(`${name} in ${place}`);
    }
  }
  must(leaks.length === 0, leaks.join('; '));
  const sizes = Object.fromEntries(Object.entries(places).map(([place, text]) => [place, text.length]));
  must(
    Object.values(sizes).every((size) => size > 0),
    `nothing was read: ${JSON.stringify(sizes)}`,
  );
  return { secrets: secrets.size, charactersSearched: sizes };
}

/** The link that only the requester sees holds the code; that is its place. */
const isAtHome = (name: string, place: string): boolean => name.startsWith('code of') && place === 'slack';

/** As it is, and in base64 at each of the three offsets at which it may stand in a longer text. */
function forms(secret: string): readonly string[] {
  const shifted = [0, 1, 2].map((offset) => {
    const encoded = Buffer.from('x'.repeat(offset) + secret).toString('base64');
    // The ends depend on what stands before and behind.
    return encoded.slice(offset === 0 ? 0 : 4, -4);
  });
  return [secret, ...shifted].filter((form) => form.length >= 12);
}

/** Of every process, and what the target's servers write of each session and statement. */
function logs({ stack: { state } }: Pick<Stage, 'stack'>): string {
  return [state.file('logs'), state.file('target', 'log'), state.file('target-standby', 'log')]
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => readFileSync(`${folder}/${name}`, 'utf8')))
    .join('\n');
}

type Fetched = { readonly requestId: string; readonly history: History; readonly decoded: unknown };

/** As the server keeps them, and decoded with the stack's own key. */
const histories = (stage: Pick<Stage, 'stack'>, requestIds: readonly string[]): Promise<readonly Fetched[]> =>
  withTemporal(stage, (client) =>
    Promise.all(
      requestIds.map(async (requestId) => {
        const history = await client.workflow.getHandle(accessRequestId(requestId as RequestId)).fetchHistory();
        return { requestId, history, decoded: await decodedPayloads(history, converterOf(stage.stack)) };
      }),
    ),
  );

/** Every payload in the history, however deep it stands, in the clear. */
async function decodedPayloads(
  history: History,
  { payloadCodecs }: ReturnType<typeof dataConverterFor>,
): Promise<readonly string[]> {
  const found: { metadata?: Record<string, Uint8Array>; data?: Uint8Array }[] = [];
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null || node instanceof Uint8Array) return;
    if ('metadata' in node && 'data' in node && node.data instanceof Uint8Array)
      found.push(node as (typeof found)[number]);
    else Object.values(node).forEach(walk);
  };
  walk(history);
  const texts: string[] = [];
  for (const payload of found) {
    const decoded = (await payloadCodecs?.[0]?.decode([payload])) ?? [];
    texts.push(...decoded.map((one) => Buffer.from(one.data ?? []).toString('utf8')));
  }
  return texts;
}
