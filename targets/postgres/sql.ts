import { readFileSync } from 'node:fs';

/** A script of this folder's sql/, whole: for one `client.query(text)`. */
export const script = (
  name:
    'install' | 'database' | 'login-trigger' | 'preflight' | 'lint' | 'session-log' | 'session-log-check' | 'uninstall',
): string => readFileSync(new URL(`sql/${name}.sql`, import.meta.url), 'utf8');
