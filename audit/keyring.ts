/**
 * The keys of the log, as they are kept: one a line, in a file or as a command prints them. A line that begins with
 * `PRIVATE+KEY+` signs; any other is a public key whose signatures still count. Two sign while one replaces the other.
 */
import { exec } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import { readSigner, readVerifier, type Signer, type Verifier } from './signed-note.ts';

export type KeySource =
  | { readonly kind: 'file'; readonly path: string }
  /** For the shell; prints the keys and nothing else. */
  | { readonly kind: 'command'; readonly command: string };

/** `verifiers`: of the signers as well. */
export type Keyring = { readonly signers: readonly Signer[]; readonly verifiers: readonly Verifier[] };

const run = promisify(exec);
const patienceMs = 20_000;
const mostKeys = 10;

/**
 * Reads the keys as they are now.
 * @throws Error that says why there are none, and shows nothing of what was read
 */
export async function readKeyring(source: KeySource): Promise<Keyring> {
  const keyring = keyringOf(source.kind === 'file' ? await textOfFile(source.path) : await textOf(source.command));
  if (isRefusal(keyring)) throw new Error(keyring.message);
  return keyring;
}

/**
 * The same, asked for at most once in `forMs`: a command may go over the network, and a key that was replaced is used soon.
 * @param clock epoch ms
 */
export function keptKeyring(source: KeySource, clock: () => number, forMs: number): () => Promise<Keyring> {
  let kept: { readonly keyring: Keyring; readonly at: number } | undefined;
  return async () => {
    if (!kept || Math.abs(clock() - kept.at) >= forMs) kept = { keyring: await readKeyring(source), at: clock() };
    return kept.keyring;
  };
}

/**
 * Whoever can write the file signs in Curfew's name from then on, and nobody notices. Who may read it is the deployer's
 * word: a secret that an orchestrator mounts is often everybody's inside its container.
 */
async function textOfFile(path: string): Promise<string> {
  const { mode } = await stat(path);
  if ((mode & 0o022) !== 0)
    throw new Error('The file with the keys of the log may be written by others: chmod 600 it first.');
  return await readFile(path, 'utf8');
}

async function textOf(command: string): Promise<string> {
  try {
    return (await run(command, { timeout: patienceMs, maxBuffer: 65_536 })).stdout;
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    // oxlint-disable-next-line preserve-caught-error -- the error of a command quotes what it printed
    throw new Error(
      `The command that prints the keys of the log failed (${typeof code === 'number' ? code : 'ended'}).`,
    );
  }
}

/** Out of the text of a keyring. @returns a refusal (InvalidInput), which shows nothing of the text, for anything else */
export function keyringOf(text: string): Keyring | Refusal {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.length > mostKeys) return refuse('InvalidInput', `More than ${mostKeys} keys of one log.`);
  const signers: Signer[] = [];
  const verifiers: Verifier[] = [];
  for (const line of lines) {
    const signer = line.startsWith('PRIVATE+KEY+') ? readSigner(line) : undefined;
    if (isRefusal(signer)) return signer;
    const verifier = readVerifier(signer?.verifier ?? line);
    if (isRefusal(verifier)) return verifier;
    if (signer) signers.push(signer);
    verifiers.push(verifier);
  }
  return signers.length > 0 ? { signers, verifiers } : refuse('InvalidInput', 'There is no key that signs the log.');
}
