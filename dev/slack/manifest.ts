/** The app's manifest, as far as the emulator needs it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const shape = z.object({ oauth_config: z.object({ scopes: z.object({ bot: z.array(z.string()) }) }) });

/** What the bot may do; a call beyond it is answered `missing_scope`, as in a real workspace. */
export function manifestScopes(): readonly string[] {
  const path = join(import.meta.dirname, '..', '..', 'slack', 'manifest.yaml');
  return shape.parse(parse(readFileSync(path, 'utf8'))).oauth_config.scopes.bot;
}
