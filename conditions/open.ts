import { fileSource } from './file.ts';
import { httpSource } from './http.ts';
import type { Source } from './source.ts';

export type SourceConfig =
  | { readonly kind: 'none' }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'http'; readonly base: string; readonly token?: string };

/** The source that a process is configured with; undefined: none, and then nobody knows of incidents and tickets. */
export function openSource(config: SourceConfig): Source | undefined {
  if (config.kind === 'none') return undefined;
  return config.kind === 'file' ? fileSource(config.path) : httpSource(config);
}
