/**
 * The page's own files. Its TypeScript is stripped of types as it is served, and `preact` is served from the installed
 * package, so there is no build step and nothing comes from another origin.
 */
import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Asset = { readonly type: string; readonly text: string };

const folder = join(import.meta.dirname, 'page');
const script = 'text/javascript; charset=utf-8';
const packages: Readonly<Record<string, string>> = { preact: '/preact.js', 'preact/hooks': '/preact-hooks.js' };

/** Null where there is none. Only names of the page's own folder are looked up: no path leads out of it. */
export async function assetAt(path: string): Promise<Asset | null> {
  if (path === '/') return { type: 'text/html; charset=utf-8', text: await text('index.html') };
  for (const [name, at] of Object.entries(packages)) {
    if (path !== at) continue;
    const source = await readFile(fileURLToPath(import.meta.resolve(name)), 'utf8');
    return { type: script, text: addressed(source.replace(/\n\/\/# sourceMappingURL=.*/, '')) };
  }
  const [, name, ending] = /^\/page\/([a-z-]+)\.(ts|css|svg)$/.exec(path) ?? [];
  if (name === undefined) return null;
  const found = await text(`${name}.${ending}`).catch(() => null);
  if (found === null) return null;
  if (ending === 'css') return { type: 'text/css; charset=utf-8', text: found };
  if (ending === 'svg') return { type: 'image/svg+xml', text: found };
  return { type: script, text: addressed(stripTypeScriptTypes(found)) };
}

const text = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');

/** A browser knows no packages by name, and an import map would have to stand inline, which the page's policy forbids. */
const addressed = (source: string): string =>
  source.replaceAll(
    /(\bfrom\s*|\bimport\s*)(["'])(preact(?:\/hooks)?)\2/g,
    (_all, before: string, quote: string, name: string) => `${before}${quote}${packages[name] ?? name}${quote}`,
  );
