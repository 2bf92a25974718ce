/** The tour's stage for tests: the whole real stack, an operator's ways into it, and what became of a request. */
import { Client, Connection } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { openAccess } from '../../doctor/access.ts';
import { checkAll } from '../../doctor/check-all.ts';
import type { Finding } from '../../doctor/finding.ts';
import { claim as claimWith } from '../../cli/connect/claim.ts';
import { actions } from '../../slack/ids.ts';
import { openStore, type Store } from '../../store/pool.ts';
import { dataConverterFor } from '../../temporal/codec.ts';
import { holdTable, holdWith, workerWaits, type Hold } from '../../dev/faults/parts.ts';
import { clusterName, controlDatabase, sampleTargets } from '../../dev/company/targets.ts';
import { elementsOf } from '../../dev/slack/block-kit.ts';
import { codecKeyId } from '../../dev/stack/settings.ts';
import { apiUrl, standbyName, storeUrl, superuserUrl } from '../../dev/stack/environments.ts';
import { openStage, type Login, type Stage } from '../../dev/tour/stage.ts';
import { eventually } from './eventually.ts';

export type { Login };

/** All that is left of a request once it is over, wherever it stands: equal for equal stories, whatever died meanwhile. */
export type Ending = {
  readonly outcome: string | null;
  /** Entries of the audit log, a count a kind; without what others than its own steps add, where they were first. */
  readonly entries: Readonly<Record<string, number>>;
  readonly decisions: number;
  readonly claims: number;
  readonly grants: number;
  readonly receipts: readonly string[];
  readonly ledger: string | null;
  readonly canLogin: boolean;
  readonly sessions: number;
  /** Messages in the approvers' channel with this request's card. */
  readonly cards: number;
  readonly cardSaysEnded: boolean;
  /** Direct messages that tell the holder how it ended, and what was verified. */
  readonly endTold: number;
};

export type Theatre = Stage & {
  /** Temporal as its operator, or whoever stole a worker's access, reaches it. */
  readonly temporal: Client;
  /** With the stack's own key. */
  readonly dataConverter: DataConverter;
  /** The code of the one-time link, given to the claim client in this process, which waits for the login. */
  readonly login: (who: string, requestId: string) => Promise<Login>;
  readonly claim: (code: string) => Promise<Login>;
  /** Presses a button of somebody's newest message about the request. */
  readonly pressDm: (who: string, requestId: string, action: string) => Promise<unknown>;
  readonly stateOf: (requestId: string) => Promise<string>;
  readonly is: (requestId: string, state: string, withinMs?: number) => Promise<true>;
  /** The ledger's state on the target; undefined: it never heard of it. */
  readonly ledgerOf: (requestId: string) => Promise<string | undefined>;
  readonly sessionsOf: (role: string) => Promise<number>;
  readonly endingOf: (requestId: string, holder: string) => Promise<Ending>;
  /** Starts again whatever a test killed and, because it failed, left dead; so that the next one has a fair start. */
  readonly revive: () => Promise<void>;
  /** Waits until nothing is under way in the store any more. */
  readonly settled: () => Promise<void>;
  /** What the checker of the invariants finds. */
  readonly findings: () => Promise<readonly Finding[]>;
};

/** Brings a stack of its own up: once a test file. */
export async function openTheatre(options: Parameters<typeof openStage>[1] = {}): Promise<Theatre> {
  const stage = await openStage({ step: (_name, work) => work(() => undefined), say: () => undefined }, options);
  const { stack } = stage;
  const { settings } = stack;
  const connection = Connection.lazy({ address: stack.temporal.address });
  const dataConverter = dataConverterFor([{ id: codecKeyId, key: Buffer.from(settings.secrets.codecKey, 'base64') }]);
  const { namespace } = stack.temporal;
  const temporal = new Client({ connection, namespace, identity: 'operator', dataConverter });
  const admin = openStore({
    url: storeUrl(settings, 'curfew_admin'),
    applicationName: 'curfew-test',
    max: 2,
    statementTimeoutMs: 30_000,
  });
  const theatre = { ...stage, ...looks(stage, admin), temporal, dataConverter };
  const claim: Theatre['claim'] = async (code) => {
    const { databases, ...login } = await claimWith({ api: apiUrl(settings), code });
    const { requestId, password } = login;
    const [kept] = await stage.inStore<{ verifier: string; ticket: string }>(
      `select verifier, encode(ticket, 'hex') as ticket from curfew.claim where request_id = $1`,
      [requestId],
    );
    for (const [name, value] of Object.entries({ password, code, ...kept }))
      stage.secrets.set(`${name} of ${requestId}`, value);
    return { ...login, database: databases[0] ?? '' };
  };
  return {
    ...theatre,
    claim,
    revive: async () => {
      const { store, target, standby, temporal: server, worker, api, reaper } = stack;
      await Promise.all([store.start(), target.start(), standby?.cluster.start(), server.start()]);
      await Promise.all([worker.start(), api.start(), reaper.start()]);
    },
    login: async (who, requestId) => claim(await stage.codeFor(who, requestId)),
    pressDm: async (who, requestId, action) => {
      const message = await stage.driver.eventually(`${who} is shown ${action}`, async () =>
        (await stage.driver.dms(who)).find((one) => buttonOf(one, action, requestId)),
      );
      return stage.driver.press(who, message, action, { value: requestId });
    },
    end: async () => {
      await connection.close();
      await admin.close();
      await stage.end();
    },
  };
}

const buttonOf = (message: { readonly [key: string]: unknown }, action: string, value: string): boolean =>
  elementsOf(message['blocks']).some((one) => one.actionId === action && one.element['value'] === value);

/** The names of a request's role on the target. */
const roleOf = (requestId: string): string => `cfw_${requestId.replaceAll('-', '')}`;

function looks(stage: Stage, admin: Store) {
  const { inStore, onTarget, driver } = stage;
  const { settings } = stage.stack;
  const ledgerOf: Theatre['ledgerOf'] = async (requestId) =>
    (
      await onTarget<{ state: string }>(
        'select state from curfew.ledger where grant_id = $1',
        [requestId],
        controlDatabase,
      )
    )[0]?.state;
  const sessionsOf: Theatre['sessionsOf'] = async (role) =>
    (await onTarget<{ n: number }>('select count(*)::int as n from pg_stat_activity where usename = $1', [role]))[0]
      ?.n ?? Number.NaN;
  const stateOf: Theatre['stateOf'] = async (requestId) =>
    (await inStore<{ state: string }>('select state from curfew.projection where request_id = $1', [requestId]))[0]
      ?.state ?? 'none';
  const is: Theatre['is'] = (requestId, state, withinMs = 60_000) =>
    eventually(`${requestId} is ${state}`, async () => (await stateOf(requestId)) === state, { withinMs });

  const endingOf: Theatre['endingOf'] = async (requestId, holder) => {
    const [row] = await inStore<Omit<Ending, 'ledger' | 'canLogin' | 'sessions' | 'cards'>>(endingText, [requestId]);
    const [login] = await onTarget<{ canLogin: boolean }>(
      'select rolcanlogin as "canLogin" from pg_roles where rolname = $1',
      [roleOf(requestId)],
    );
    const cards = (await driver.messages('access-approvals')).filter((one) => JSON.stringify(one).includes(requestId));
    const card = await stage.cardOf(requestId);
    const dms = await driver.dms(holder);
    if (!row) throw new Error(`the store has no request ${requestId}`);
    return {
      ...row,
      ledger: (await ledgerOf(requestId)) ?? null,
      canLogin: login?.canLogin ?? false,
      sessions: await sessionsOf(roleOf(requestId)),
      cards: new Set([card.ts, ...cards.map((one) => one.ts)]).size,
      cardSaysEnded: card.text.includes('Ended'),
      endTold: dms.filter((one) => one.text.includes('verified') && buttonOf(one, actions.askAgain, requestId)).length,
    };
  };
  const settled = async (): Promise<void> => {
    await eventually(
      'nothing is under way',
      async () => {
        const [row] = await inStore<{ open: number }>(openText, [sampleTargets.map(({ name }) => name)]);
        return row?.open === 0;
      },
      { withinMs: 120_000, everyMs: 100 },
    );
  };
  const adminAt = (port: number) => ({
    host: '127.0.0.1',
    port,
    user: 'postgres',
    password: settings.secrets.targetSuperuser,
  });
  const findings: Theatre['findings'] = () =>
    checkAll({
      store: admin,
      targets: [
        openAccess(adminAt(settings.ports.target), {
          cluster: clusterName,
          targets: sampleTargets.map(({ name }) => name),
          controlDatabase,
          databases: sampleTargets.flatMap(({ databases }) => [...databases]),
          standbys: settings.standby ? [{ name: standbyName, admin: adminAt(settings.ports.standby) }] : [],
        }),
      ],
      now: Date.now() + 1,
    });
  return { ledgerOf, sessionsOf, stateOf, is, endingOf, settled, findings };
}

const endingText = `select p.outcome,
    coalesce((select jsonb_object_agg(kind, n) from (select kind, count(*) as n from audit.entry
      where subject = $1::text and kind !~ '^(reaper|alarm|history|session)[.]|^grant[.]refused$' group by kind) e), '{}') as entries,
    (select count(*)::int from curfew.decision where request_id = $1::uuid) as decisions,
    (select count(*)::int from curfew.claim where request_id = $1::uuid) as claims,
    (select count(*)::int from curfew.access_grant where request_id = $1::uuid and ended_at is not null) as grants,
    array(select kind from curfew.receipt where request_id = $1::uuid order by kind) as receipts
  from curfew.projection p where p.request_id = $1::uuid`;

/** Messages that wait, ends that are owed by a target, and requests between two states. */
const openText = `select (select count(*) from curfew.outbox where done_at is null)::int
  + (select count(*) from curfew.revoke_intent i join unnest($1::text[]) as t (name) on i.target is null or i.target = t.name
      where not exists (select from curfew.revoke_outcome o where o.intent_id = i.id and o.target = t.name))::int
  + (select count(*) from curfew.projection where state in ('granting', 'revoking'))::int as open`;

/** Keeps every change of a template's members waiting: a grant before its COMMIT, and a revoke after its NOLOGIN. */
export const holdTemplate = (stage: Stage, template: string): Promise<Hold> =>
  holdWith(superuserUrl(stage.stack.settings, 'target', controlDatabase), [
    'create role story_blocker nologin',
    `grant ${template} to story_blocker`,
  ]);

export { holdTable, workerWaits };
