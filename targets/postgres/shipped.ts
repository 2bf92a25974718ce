/**
 * SHA-256 over the functions that sql/install.sql (`functions-hash`) and sql/database.sql make: source, attributes and
 * who may call them, as sql/preflight.sql computes it on every supported version. A target with other ones is refused.
 * A test installs afresh and compares, and prints the value to put here after an intended change.
 */
export const shippedHashes = {
  'functions-hash': 'a917a98ec8fb0daa9e3014a0153a737005dc9adae02a292ebd43e3e1dcbc561e',
  'database-functions-hash': '475b037ce45c0dfc0732a6d1aa59fa51515d0359214df96766f3c7fd695d197a',
} as const;
