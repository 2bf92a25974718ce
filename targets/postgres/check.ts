import type { Client } from 'pg';
import { asAdministrator, type Administrator } from './administrator.ts';
import { greatestSkewMs } from './accessor.ts';
import { identityOf, whoamiText, type Identity } from './connection.ts';
import { previewPrivileges, type Reach } from './preview.ts';
import { checkSessionLog } from './session-log.ts';
import { shippedHashes } from './shipped.ts';
import { script } from './sql.ts';

/** One thing that a check saw. `error`: the target is refused until `mend` is done. `attested`: somebody vouches for it. */
export type Finding = {
  readonly severity: 'error' | 'warning' | 'info' | 'attested';
  readonly code: string;
  readonly what: string;
  readonly mend: string | null;
  readonly database: string;
};

/** A named operator's word for what SQL cannot show; kept, and printed on receipts. */
export type Attestation = { readonly code: AttestationCode; readonly by: string; readonly says: string };
/** `hba-unseen` answers that finding; the others state what no finding is about. */
export const attestationCodes = ['hba-unseen', 'tls', 'pooler', 'standbys'] as const;
export type AttestationCode = (typeof attestationCodes)[number];

export type CheckOptions = {
  readonly controlDatabase: string;
  readonly databases: readonly string[];
  /** Roles; each must pass the lint in every database. */
  readonly templates: readonly string[];
  /** SECURITY DEFINER functions that somebody has reviewed, e.g. `app.safe_fn(integer)`. */
  readonly reviewedFunctions?: readonly string[];
  readonly attestations?: readonly Attestation[];
  readonly clock?: () => number;
};

/** What `curfew target check` stores. Not `ok`, or older than seven days, or of another cluster: no grants. */
export type CheckResult = {
  readonly ok: boolean;
  readonly findings: readonly Finding[];
  readonly attestations: readonly Attestation[];
  /** Empty and 0 where the target could not say (then it is not ok). */
  readonly systemIdentifier: string;
  readonly timeline: number;
  readonly version: number;
  /** Of the functions in the control database, as found. */
  readonly functionsHash: string;
  /** Epoch ms, Curfew's clock. */
  readonly at: number;
  readonly preview: readonly Reach[];
};

/**
 * Is the target fit? Preflight in the control database, preflight and template lint in every database of grantees, all
 * by the operator's own login. Fails closed: what could not be looked at is an `error`.
 * @throws the database's own error if a database cannot be reached at all
 */
export async function checkTarget(admin: Administrator, options: CheckOptions): Promise<CheckResult> {
  const clock = options.clock ?? Date.now;
  const found: Finding[] = [];
  const preview: Reach[] = [];
  const identity = await asAdministrator(admin, options.controlDatabase, async (client) => {
    found.push(...(await preflight(client, options.controlDatabase, 'control')));
    found.push(...(await checkSessionLog(client, options.databases)));
    return whoIs(client, clock);
  });
  for (const database of options.databases) {
    await asAdministrator(admin, database, async (client) => {
      found.push(...(await preflight(client, database, 'database')));
      found.push(...(await lint(client, database, options)));
      preview.push(...(await previewPrivileges(client, options.templates)));
    });
  }
  found.push(...identityFindings(identity, options.controlDatabase), ...hashFindings(found));
  const attestations = options.attestations ?? [];
  const findings = distinct(found).map((finding) => attested(finding, attestations));
  return {
    ok: findings.every((finding) => finding.severity !== 'error'),
    findings,
    attestations,
    systemIdentifier: identity?.systemIdentifier ?? '',
    timeline: identity?.timeline ?? 0,
    version: identity?.version ?? 0,
    functionsHash: found.find((finding) => finding.code === 'functions-hash')?.what ?? '',
    at: clock(),
    preview,
  };
}

type Row = Pick<Finding, 'severity' | 'code' | 'what' | 'mend'>;

/** The script's last result holds the rows; a script that does not end so was not understood. */
async function preflight(client: Client, database: string, part: 'control' | 'database'): Promise<readonly Finding[]> {
  await client.query("select set_config('curfew.preflight_part', $1, false)", [part]);
  const results = (await client.query(script('preflight'))) as unknown as readonly { rows: Row[] }[];
  const rows = results.at(-1)?.rows ?? [];
  if (rows.length === 0) throw new Error('the preflight gave no rows');
  return rows.map((row) => ({ ...row, database }));
}

async function lint(client: Client, database: string, options: CheckOptions): Promise<readonly Finding[]> {
  // The script reads lists, so a name that holds the list's own separator is not linted, hence not fit.
  const unfit = options.templates.filter((template) => template.includes(',') || template.trim() !== template);
  await client.query(
    "select set_config('curfew.templates', $1, false), set_config('curfew.reviewed_functions', $2, false)",
    [
      options.templates.filter((template) => !unfit.includes(template)).join(','),
      (options.reviewedFunctions ?? []).join(';'),
    ],
  );
  const { rows } = await client.query<Row>(script('lint'));
  const names = unfit.map((what): Row => ({
    severity: 'error',
    code: 'template-name',
    what,
    mend: 'a template has no comma and no space at its ends',
  }));
  return [...rows, ...names].map((row) => ({ ...row, database }));
}

async function whoIs(client: Client, clock: () => number): Promise<Identity | undefined> {
  const askedAt = clock();
  try {
    const { rows } = await client.query(whoamiText);
    return identityOf(rows[0], askedAt, clock());
  } catch {
    return undefined; // not installed, or not allowed: a finding either way
  }
}

function identityFindings(identity: Identity | undefined, database: string): readonly Finding[] {
  const error = (code: string, what: string, mend: string): Finding => ({
    severity: 'error',
    code,
    what,
    mend,
    database,
  });
  if (!identity)
    return [
      error('identity', 'curfew.whoami() did not answer', 'run the check as a superuser or a member of curfew_owner'),
    ];
  return [
    ...(identity.inRecovery ? [error('standby', 'this node is a standby', 'check the primary')] : []),
    ...(identity.skewMs > greatestSkewMs
      ? [
          error(
            'clock-skew',
            `the clocks differ by ${identity.skewMs} ms`,
            'run NTP on both; grants are refused above 2 s',
          ),
        ]
      : []),
  ];
}

/** Somebody who can change a function can make it say anything, so its source must be as shipped. */
function hashFindings(found: readonly Finding[]): readonly Finding[] {
  return found
    .filter(
      ({ code, what }) =>
        code.endsWith('functions-hash') &&
        Object.hasOwn(shippedHashes, code) &&
        what !== shippedHashes[code as keyof typeof shippedHashes],
    )
    .map(({ what, database }) => ({
      severity: 'error',
      code: 'functions-changed',
      what: `${database}: ${what}`,
      mend: 'the functions are not as shipped: find out who changed them, then run curfew target install',
      database,
    }));
}

/** Cluster-wide findings come up once in every database. */
function distinct(found: readonly Finding[]): readonly Finding[] {
  const seen = new Map<string, Finding>();
  for (const finding of found) {
    // What the log tells is each database's own.
    const where = finding.code === 'session-evidence' ? finding.database : '';
    const key = JSON.stringify([finding.severity, finding.code, finding.what, where]);
    if (!seen.has(key)) seen.set(key, finding);
  }
  return [...seen.values()];
}

/** An attestation answers only for what could not be looked at, never for a check that ran and failed. */
function attested(finding: Finding, attestations: readonly Attestation[]): Finding {
  if (finding.severity !== 'error' || finding.code !== 'hba-unseen') return finding;
  return attestations.some((attestation) => attestation.code === finding.code)
    ? { ...finding, severity: 'attested' }
    : finding;
}
