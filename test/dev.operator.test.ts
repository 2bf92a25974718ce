/** Whoever acts as the operator of the stack that runs here is told so; whoever looks is not. */
import { expect, test } from 'vitest';
import { acting, actsAsOperator } from '../dev/acting.ts';
import { curfew } from './support/terminal.ts';

test.each(acting)('curfew %s is a command, and an operator answers for it', async (line) => {
  const words = line.split(' ');
  const { code, out } = await curfew([...words, '--help']);
  expect(code).toBe(0);
  expect(out).toContain(`Usage: curfew ${line} `);
  expect(actsAsOperator([...words, 'more'])).toBe(true);
});

test.each([
  'people list',
  'people logins',
  'report grants --from 2026-11-01',
  'audit status',
  'audit evidence --from 2026-11-01 -o evidence.zip',
  'verify evidence.zip --key KEY',
  'policy explain --as amara',
  // As the person whose code it is.
  'request orders-prod read',
  'approve 6f1c2a9e-3b7d-4a51-9c3e-0d2f6b8a7c11',
])('curfew %s is said in nobody’s name, or in its own', (line) => {
  expect(actsAsOperator(line.split(' '))).toBe(false);
});
