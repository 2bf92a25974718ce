/**
 * SHA-256 over the functions that sql/install.sql (`functions-hash`) and sql/database.sql make: source, attributes and
 * who may call them, as sql/preflight.sql computes it on every supported version. A target with other ones is refused.
 * A test installs afresh and compares, and prints the value to put here after an intended change.
 */
export const shippedHashes = {
  'functions-hash': '6213a205a9a33c13e5cb62ba210be0514c984940e363fdcd9a959d1bd21ee174',
  'database-functions-hash': '6f2a088538c109df7fa7a46ace2f304141948343252b94ce4e08b81422d24681',
} as const;
