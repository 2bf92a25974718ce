/**
 * SHA-256 over the functions that sql/install.sql (`functions-hash`) and sql/database.sql make: source, attributes and
 * who may call them, as sql/preflight.sql computes it on every supported version. A target with other ones is refused.
 * A test installs afresh and compares, and prints the value to put here after an intended change.
 */
export const shippedHashes = {
  'functions-hash': 'f2b986fd99488fbcaa9ed584e76abae1ff512802365fb1ad29b8d7d84d8a9d59',
  'database-functions-hash': '6f2a088538c109df7fa7a46ace2f304141948343252b94ce4e08b81422d24681',
} as const;
