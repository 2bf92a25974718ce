/** The company's store, a real target with Curfew on it, and the worker's activities between them. */
import { randomBytes } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createTargetActivities } from '../../activities/index.ts';
import type { Cluster } from '../../activities/clusters.ts';
import type { GrantDeps } from '../../activities/grant.ts';
import type { CredentialId, RequestId, TargetName } from '../../domain/ids.ts';
import { next, type RequestEvent } from '../../domain/request.ts';
import { isRefusal } from '../../domain/errors.ts';
import type { RequestView } from '../../domain/view.ts';
import type { OpenInput } from '../../service/contract.ts';
import * as checks from '../../store/target-checks.ts';
import { checkTarget } from '../../targets/postgres/check.ts';
import type { StatementEvent } from '../../targets/postgres/connection.ts';
import { createRevoker } from '../../targets/postgres/revoker.ts';
import { makeVerifier } from '../../targets/postgres/verifier.ts';
import type { GrantActivities, RevokeActivities, TogetherActivities } from '../../workflows/activities.ts';
import { approved, minted, ok, startCompany, ticketKey, type Company } from './company.ts';
import { startPostgres, type Postgres } from './postgres.ts';
import { installSample, makeSample, openWorker, type Sample } from './target.ts';
import type { TwoNodes } from './two-nodes.ts';

export const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
export const ordersProd = 'orders-prod' as TargetName;

/** Approved and claimed, as the Workflow has it when it calls `grant`. */
export type Claimed = {
  readonly requestId: RequestId;
  readonly target: TargetName;
  readonly credentialId: CredentialId;
  readonly view: RequestView;
  readonly password: string;
  readonly endAt: number;
};

export type Granting = {
  readonly company: Company;
  readonly postgres: Postgres;
  readonly sample: Sample;
  readonly cluster: Cluster;
  /** Everything that was sent to the target. */
  readonly statements: StatementEvent[];
  activities(
    more?: Partial<Pick<GrantDeps, 'store' | 'clock' | 'conditions'>> & { cluster?: Cluster },
  ): GrantActivities & RevokeActivities & TogetherActivities;
  /** As the SDK runs an activity; `info` is what it would be told. */
  run<Input, Output>(activity: (input: Input) => Promise<Output>, input: Input, info?: object): Promise<Output>;
  claimed(change?: Partial<OpenInput>): Promise<Claimed>;
  /** What the last check of the target found, checked in earnest. */
  check(): Promise<void>;
  /** Can the role of this request log in? Undefined: there is none. */
  canLogin(id: RequestId): Promise<boolean | undefined>;
  end(): Promise<void>;
};

/** What the API's tickets are signed with, for a sample's installation. */
export const grantingKeys = [{ keyId: 'k1', key: ticketKey }];

/**
 * @param two a target of two nodes, started with `grantingKeys`; the caller ends it. One of one node where absent
 * @param policy the company's
 */
export async function startGranting(two?: TwoNodes, policy?: string): Promise<Granting> {
  const [company, postgres] = await Promise.all([startCompany(policy), two?.on.primary ?? startPostgres()]);
  if (!two) await makeSample(postgres);
  const sample = two?.sample ?? (await installSample(postgres, { ticketKeys: grantingKeys }));
  const statements: StatementEvent[] = [];
  const target = two?.open('curfew_worker') ?? openWorker(postgres, (event) => statements.push(event));
  const nodes = two?.nodes ?? [{ name: 'primary', host: postgres.host, port: postgres.port }];
  const cluster: Cluster = { target, revoker: createRevoker(target, { attemptMs: 2_000 }), nodes };

  const world: Granting = {
    company,
    postgres,
    sample,
    cluster,
    statements,
    activities: (more = {}) =>
      createTargetActivities({
        store: more.store ?? company.store.as.curfew_worker,
        clusterOf: (name) => (name === ordersProd ? (more.cluster ?? cluster) : undefined),
        clock: more.clock ?? Date.now,
        conditions: more.conditions ?? (() => Promise.resolve(company.condition)),
        log: quiet,
        toldBy: (id) => `revoke:${id}`,
      }),
    run: runActivity,
    async claimed(change = {}) {
      company.now = Date.now();
      const requestId = await approved(company, change);
      const { code } = await minted(company, requestId);
      const password = randomBytes(24).toString('base64url');
      const claim = { code, verifier: makeVerifier(password), address: '192.0.2.7' };
      const { endAt } = ok(await company.use.claim(claim));
      const view = company.temporal.view(requestId);
      if (view.state.kind !== 'granting') throw new Error(`it is ${view.state.kind}`);
      return { requestId, target: ordersProd, credentialId: view.state.credentialId, view, password, endAt };
    },
    async check() {
      const options = {
        controlDatabase: 'control',
        databases: ['orders', 'models'],
        templates: ['orders_read', 'orders_write'],
      };
      const result = await checkTarget(postgres.admin, options);
      await company.store.as.curfew_admin.transaction((tx) =>
        checks.insert(tx, { target: ordersProd, ok: result.ok, result }, 'curfew_admin'),
      );
    },
    async canLogin(id) {
      const rows = await postgres.query<{ rolcanlogin: boolean }>(
        'control',
        'select rolcanlogin from pg_roles where rolname = $1',
        [`cfw_${id.replaceAll('-', '')}`],
      );
      return rows[0]?.rolcanlogin;
    },
    async end() {
      if (two) return company.end();
      await target.close();
      await sample.close();
      await Promise.all([company.end(), postgres.stop()]);
    },
  };
  await world.check();
  return world;
}

/** The Workflow's view after something happened. */
export function after({ version, state, ...view }: RequestView, event: RequestEvent): RequestView {
  const moved = next(state, event);
  if (isRefusal(moved)) throw new Error(moved.message);
  return { ...view, version: version + 1, state: moved };
}

/** As the SDK runs an activity; `info` is what it would be told of the attempt. */
export const runActivity = <Input, Output>(
  activity: (input: Input) => Promise<Output>,
  input: Input,
  info: object = {},
): Promise<Output> => {
  const told = { startToCloseTimeoutMs: 10_000, scheduledTimestampMs: Date.now(), ...info };
  const logger = new DefaultLogger('ERROR', () => undefined);
  return new MockActivityEnvironment(told, { logger }).run(activity, input);
};
