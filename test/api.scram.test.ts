import { createHash, createHmac } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { iterations, makePassword, makeSalt, makeVerifier } from '../api/page/scram.js';
import { isVerifier, makeVerifier as makeInNode } from '../targets/postgres/verifier.ts';
import { startPostgres, type Postgres } from './support/postgres.ts';

let postgres: Postgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres?.stop());

const xor = (one: Buffer, other: Buffer): Buffer => Buffer.from(one.map((byte, index) => byte ^ (other[index] ?? 0)));

test('the verifier proves the exchange of RFC 7677 section 3', async () => {
  const salt = new Uint8Array(Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'));
  const verifier = await makeVerifier('pencil', salt);
  const [, storedKey = '', serverKey = ''] = /^SCRAM-SHA-256\$4096:[^$]+\$([^:]+):(.+)$/.exec(verifier) ?? [];
  const bare = 'n=user,r=rOprNGfwEbeRWgbNEkqO';
  const first = 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096';
  const message = `${bare},${first},c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0`;
  const sign = (key: string) => createHmac('sha256', Buffer.from(key, 'base64')).update(message).digest();
  expect(sign(serverKey).toString('base64')).toBe('6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
  const clientKey = xor(Buffer.from('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=', 'base64'), sign(storedKey));
  expect(createHash('sha256').update(clientKey).digest('base64')).toBe(storedKey);
});

test('it is the same as what Node makes, and what a target takes', async () => {
  for (let round = 0; round < 20; round += 1) {
    const [password, salt] = [makePassword(), makeSalt()];
    const verifier = await makeVerifier(password, salt);
    expect(verifier).toBe(makeInNode(password, Buffer.from(salt), iterations));
    expect(isVerifier(verifier)).toBe(true);
  }
});

test('a password is 192 bits in 32 characters that nothing has to quote, never the same', () => {
  const made = Array.from({ length: 500 }, makePassword);
  for (const password of made) expect(password).toMatch(/^[A-Za-z0-9_-]{32}$/);
  expect(new Set(made).size).toBe(500);
});

test('what SASLprep could change is refused', async () => {
  for (const bad of ['', 'with space', 'pässword', '\u0000', 'x'.repeat(201), '\u212a']) {
    await expect(makeVerifier(bad)).rejects.toThrow(/printable ASCII/);
  }
});

test('a login with a verifier made here logs in with its password, and with no other', async () => {
  const password = makePassword();
  const verifier = await makeVerifier(password);
  await postgres.query('postgres', `create role claimant login password '${verifier}'`);
  const [kept] = await postgres.query<{ rolpassword: string }>(
    'postgres',
    `select rolpassword from pg_authid where rolname = 'claimant'`,
  );
  expect(kept?.rolpassword, 'taken as a verifier, not hashed again').toBe(verifier);
  const login = async (given: string): Promise<string> => {
    const client = new Client({
      host: postgres.host,
      port: postgres.port,
      user: 'claimant',
      password: given,
      database: 'postgres',
    });
    await client.connect();
    const { rows } = await client.query<{ user: string }>('select current_user::text as user');
    await client.end();
    return rows[0]?.user ?? '';
  };
  expect(await login(password)).toBe('claimant');
  await expect(login(makePassword())).rejects.toMatchObject({ code: '28P01' });
});
