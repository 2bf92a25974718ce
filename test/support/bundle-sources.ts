/** What a Workflow bundle was made of, from its source map. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

export function sourcesOf(code: string): readonly string[] {
  const [, encoded = ''] =
    /\n\/\/# sourceMappingURL=data:application\/json;(?:charset=utf-8;)?base64,(\S+)/.exec(code) ?? [];
  const { sources } = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8')) as { sources: string[] };
  return sources;
}

/** The project's own files in it, from the project's root; the entry point that the SDK generates is no file. */
export const ownSourcesOf = (code: string): readonly string[] =>
  sourcesOf(code)
    .filter((source) => source.startsWith(root) && !source.includes('node_modules') && existsSync(source))
    .map((source) => source.slice(root.length));
