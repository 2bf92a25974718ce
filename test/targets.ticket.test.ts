import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeTicket, ticketText } from '../targets/postgres/ticket.ts';
import { isVerifier, makeVerifier, parseVerifier } from '../targets/postgres/verifier.ts';
import { startPostgres, type Postgres } from './support/postgres.ts';
import {
  asHolder,
  granted,
  installSample,
  makeSample,
  prepareGrant,
  sqlstateOf,
  ticketKey,
  type Sample,
} from './support/target.ts';

let postgres: Postgres;
let sample: Sample;
beforeAll(async () => {
  postgres = await startPostgres();
  await makeSample(postgres);
  sample = await installSample(postgres);
});
afterAll(async () => {
  await sample?.close();
  await postgres?.stop();
});

/** RFC 4231, test cases 1 to 4, 6 and 7 (5 is a truncation). */
const vectors = [
  ['0b'.repeat(20), '4869205468657265', 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
  [
    '4a656665',
    '7768617420646f2079612077616e7420666f72206e6f7468696e673f',
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  ],
  ['aa'.repeat(20), 'dd'.repeat(50), '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe'],
  [
    '0102030405060708090a0b0c0d0e0f10111213141516171819',
    'cd'.repeat(50),
    '82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b',
  ],
  [
    'aa'.repeat(131),
    Buffer.from('Test Using Larger Than Block-Size Key - Hash Key First').toString('hex'),
    '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
  ],
  [
    'aa'.repeat(131),
    Buffer.from(
      'This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.',
    ).toString('hex'),
    '9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2',
  ],
] as const;

describe('the HMAC', () => {
  test.each(vectors)('of key %s gives what RFC 4231 says, in SQL and in Node', async (key, data, expected) => {
    const [row] = await postgres.query<{ mac: string }>(
      'control',
      `select encode(curfew.hmac(curfew.hmac_pad($1::bytea, 54), curfew.hmac_pad($1::bytea, 92), $2::bytea), 'hex') as mac`,
      [Buffer.from(key, 'hex'), Buffer.from(data, 'hex')],
    );
    expect(row?.mac).toBe(expected);
    expect(createHmac('sha256', Buffer.from(key, 'hex')).update(Buffer.from(data, 'hex')).digest('hex')).toBe(expected);
  });
});

describe('a ticket', () => {
  const fields = {
    grantId: '00000000-0000-4000-8000-000000000001',
    personId: '00000000-0000-4000-8000-000000000002',
    template: 'orders_read',
    endAt: 1_800_000_000_123,
  };

  test('names everything that matters of a grant, the end in microseconds', () => {
    expect(ticketText({ op: 'grant', verifier: 'v', ...fields })).toBe(
      'curfew-ticket-1|grant|00000000-0000-4000-8000-000000000001|00000000-0000-4000-8000-000000000002|orders_read|4c94485e0c21ae6c41ce1dfe7b6bfaceea5ab68e40a2476f50208e526f506080|1800000000123000',
    );
    expect(ticketText({ op: 'extend', ...fields })).toContain('|orders_read||1800000000123000');
  });

  test('is not made of a short key, a name that is no UUID, or an end that is no instant', () => {
    const key = ticketKey;
    expect(() => makeTicket({ key: key.subarray(0, 31), op: 'extend', ...fields })).toThrow('32 bytes');
    expect(() => makeTicket({ key, op: 'extend', ...fields, grantId: 'x|y' })).toThrow('UUID');
    expect(() => makeTicket({ key, op: 'extend', ...fields, endAt: Number.POSITIVE_INFINITY })).toThrow(
      'whole milliseconds',
    );
    expect(() => makeTicket({ key, op: 'extend', ...fields, endAt: 1.5 })).toThrow('whole milliseconds');
  });

  test('of a retired key is refused, of a new one taken', async () => {
    await postgres.as({ database: 'control' }, async (client) => {
      await client.query('select curfew.register_ticket_key($1, $2)', ['rotated', Buffer.alloc(32, 7)]);
      const { call } = prepareGrant({ keyId: 'rotated' });
      const ticket = makeTicket({ key: Buffer.alloc(32, 7), op: 'grant', ...call });
      await client.query("select curfew.retire_ticket_key('rotated')");
      expect(await sqlstateOf(sample.worker.grant({ ...call, ticket }))).toBe('CF013');
      await client.query('select curfew.register_ticket_key($1, $2)', ['rotated', Buffer.alloc(32, 7)]);
      expect((await sample.worker.grant({ ...call, ticket })).created).toBe(true);
      const { rows } = await client.query('select curfew.register_ticket_key($1, $2) as taken', [
        'short',
        Buffer.alloc(31, 7),
      ]);
      expect(rows[0]).toEqual({ taken: null });
    });
  });
});

describe('a verifier', () => {
  test('that Node made lets the holder in with the password, and with no other', async () => {
    const holder = await granted(sample.worker);
    expect(
      await asHolder(postgres, holder, async (client) => (await client.query('select session_user')).rows),
    ).toEqual([{ session_user: holder.role }]);
    expect(
      await sqlstateOf(asHolder(postgres, { ...holder, password: `${holder.password}x` }, async () => undefined)),
    ).toBe('28P01');
  });

  test('is taken apart into bytes', () => {
    const parsed = parseVerifier(makeVerifier('a-password-of-length', Buffer.alloc(16, 1), 5_000));
    expect(parsed).toMatchObject({ iterations: 5_000, salt: Buffer.alloc(16, 1) });
    expect([parsed?.storedKey.length, parsed?.serverKey.length]).toEqual([32, 32]);
  });

  test('judges as the target does', async () => {
    const good = makeVerifier('a-password-of-length');
    const candidates = [good, makeVerifier('a-password-of-length', Buffer.alloc(66), 19_999), ...badVerifiers(good)];
    for (const verifier of candidates) {
      const { call } = prepareGrant({ verifier });
      const refused = await sample.worker.grant(call).then(
        () => false,
        (error: { sqlstate?: string }) => error.sqlstate,
      );
      expect([verifier, refused]).toEqual([verifier, isVerifier(verifier) ? false : 'CF002']);
    }
    expect(candidates.filter(isVerifier)).toHaveLength(2);
  });

  test('is never made of a password that SASLprep could change', () => {
    expect(() => makeVerifier('short')).toThrow('printable ASCII');
    expect(() => makeVerifier('sixteen chars with ü')).toThrow('printable ASCII');
  });
});

function badVerifiers(good: string): string[] {
  return [
    'clear-text-password',
    'md5d41d8cd98f00b204e9800998ecf8427e',
    '',
    ` ${good}`,
    `${good} `,
    `${good}\n`,
    good.toLowerCase(),
    good.replace('4096', '4095'),
    good.replace('4096', '04096'),
    good.replace('4096', '20000'),
    good.replace('4096', '10000000'),
    good.replace('4096', '-4096'),
    good.replace('4096', '٤٠٩٦'),
    good.replace('SCRAM-SHA-256', 'SCRAM-SHA-512'),
    good.replace('$', "'; drop role postgres; --$"),
    good.replace(/:[^$]+\$/, ':c2FsdA==$'),
    good.replace(/:[^$]+\$/, ':$'),
    makeVerifier('a-password-of-length', Buffer.alloc(15)),
    makeVerifier('a-password-of-length', Buffer.alloc(67)),
    good.replace(/=$/, ''),
    good.replaceAll('=', ''),
    good.replace(/=$/, '=='),
    `${good}:extra`,
    good + 'A'.repeat(400),
  ];
}
