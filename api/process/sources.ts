import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parseSources } from '../../directory/parse.ts';
import type { SourceSpec } from '../../directory/spec.ts';
import { formatIssue } from '../../policy/issue.ts';

export type ReadSources =
  { readonly ok: true; readonly sources: readonly SourceSpec[] } | { readonly ok: false; readonly problems: string };

/** Reads the file of sources, or says all that is wrong with it, a line each. No file is no sources. */
export function readSources(path: string | undefined): ReadSources {
  if (path === undefined) return { ok: true, sources: [] };
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return { ok: false, problems: 'CURFEW_HR_SOURCES names a file that cannot be read.' };
  }
  const parsed = parseSources(text, basename(path));
  return parsed.ok ? parsed : { ok: false, problems: parsed.issues.map(formatIssue).join('\n') };
}
