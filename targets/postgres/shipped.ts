/**
 * SHA-256 over the functions that sql/install.sql (`functions-hash`) and sql/database.sql make: source, attributes and
 * who may call them, as sql/preflight.sql computes it on every supported version. A target with other ones is refused.
 * A test installs afresh and compares, and prints the value to put here after an intended change.
 */
export const shippedHashes = {
  'functions-hash': 'd4af3078b9857c3cbee907d6a660dd72f23d07e7c1aa427aa5e83502eba484de',
  'database-functions-hash': '475b037ce45c0dfc0732a6d1aa59fa51515d0359214df96766f3c7fd695d197a',
} as const;
