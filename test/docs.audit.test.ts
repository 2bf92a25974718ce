/** What docs/audit.md has an auditor type by hand does what it says, on a file and a key as they are handed out. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { signNote } from '../audit/signed-note.ts';
import { keysOf, SampleLog, writeSample } from './support/evidence.ts';
import { scratchFolder } from './support/folder.ts';
import { leafOf } from './support/independent-proofs.ts';
import { membersOf, pack } from './support/tamperings.ts';

const text = readFileSync(new URL('../docs/audit.md', import.meta.url), 'utf8');
const [leaf = '', signature = ''] = [...text.matchAll(/```sh\n(unzip -p request\.zip[^`]*)```/g)].map(([, one]) => one);

/** What of it this machine lacks; said aloud, for then nobody has tried it here. */
function missing(...programs: readonly string[]): boolean {
  const lacking = programs.filter((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0);
  if (lacking.length > 0) console.warn(`NOT TRIED: docs/audit.md by hand, for there is no ${lacking.join(', ')} here.`);
  return lacking.length > 0;
}

async function handedOut(): Promise<{ readonly cwd: string; readonly line: Buffer }> {
  const [log, keys, cwd] = [new SampleLog(), keysOf(), scratchFolder()];
  log.applyPolicy();
  log.whole();
  await writeSample(join(cwd, 'request.zip'), log.written(), keys);
  writeFileSync(join(cwd, 'curfew.pub'), `${keys.verifier.text}\n`);
  return { cwd, line: log.lines[0] ?? Buffer.alloc(0) };
}

const run = (cwd: string, script: string) => spawnSync('sh', ['-ec', script], { cwd, encoding: 'utf8' });

test.skipIf(missing('unzip', 'sha256sum'))('the hash of a leaf is made by unzip and sha256sum', async () => {
  const { cwd, line } = await handedOut();
  const { stdout, stderr, status } = run(cwd, leaf);
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  expect(stdout.split(' ')[0]).toBe(leafOf(line).toString('hex'));
});

test.skipIf(missing('unzip', 'base64', 'openssl'))(
  'a signature is checked by openssl, and a text that was changed is refused',
  async () => {
    const { cwd } = await handedOut();
    expect(run(cwd, signature)).toMatchObject({ stdout: 'Signature Verified Successfully\n', stderr: '', status: 0 });
    const changed = run(
      cwd,
      signature.replace('sed -n 1,4p newest.note', "sed -n '1,4p' newest.note | sed 's/^6$/7/'"),
    );
    expect(changed).toMatchObject({ stdout: 'Signature Verification Failure\n', status: 1 });
  },
);

test.skipIf(missing('unzip', 'base64', 'openssl'))(
  'where two keys sign, whoever has the second one finds its signature on the line after, as the page says',
  async () => {
    const [{ cwd }, next] = [await handedOut(), keysOf()];
    const [path, name] = [join(cwd, 'request.zip'), 'checkpoints.jsonl'];
    const members = await membersOf(path);
    const lines = String(members.get(name)).replaceAll(/.+/g, (line) => {
      const one = JSON.parse(line) as { readonly note: string };
      const [said = ''] = one.note.split('\n\n');
      const [, mark = ''] = signNote(`${said}\n`, [next.signer]).split('\n\n');
      return JSON.stringify({ ...one, note: one.note + mark });
    });
    await pack(path, new Map(members).set(name, Buffer.from(lines)));
    writeFileSync(join(cwd, 'curfew.pub'), `${next.verifier.text}\n`);
    expect(run(cwd, signature)).toMatchObject({ stdout: 'Signature Verification Failure\n', status: 1 });
    expect(text).toContain('where two keys sign, `7s` takes that of the second');
    const second = signature.replace("'6s", "'7s");
    expect(run(cwd, second)).toMatchObject({ stdout: 'Signature Verified Successfully\n', status: 0 });
  },
);
