/**
 * SHA-256 over the functions that sql/install.sql (`functions-hash`) and sql/database.sql make: source, attributes and
 * who may call them, as sql/preflight.sql computes it on every supported version. A target with other ones is refused.
 * A test installs afresh and compares, and prints the value to put here after an intended change.
 */
export const shippedHashes = {
  'functions-hash': 'c8c3cca095faa8872f89383dcf813023819f6671cd18e29ca9e2f5658d293a3b',
  'database-functions-hash': '475b037ce45c0dfc0732a6d1aa59fa51515d0359214df96766f3c7fd695d197a',
} as const;
