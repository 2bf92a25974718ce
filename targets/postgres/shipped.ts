/**
 * SHA-256 over the functions that sql/install.sql (`functions-hash`) and sql/database.sql make: source, attributes and
 * who may call them, as sql/preflight.sql computes it on every supported version. A target with other ones is refused.
 * A test installs afresh and compares, and prints the value to put here after an intended change.
 */
export const shippedHashes = {
  'functions-hash': '6c5d4b6b6e327e5c785b9adde2f4a031a85762f7eb97e32e5bd61da842d92f89',
  'database-functions-hash': '475b037ce45c0dfc0732a6d1aa59fa51515d0359214df96766f3c7fd695d197a',
  /** Of sql/session-log.sql, where it is installed. */
  'session-log-hash': '63934984d0310961245f4a2cc98b860e5cb4b18ea8cc6088005d0420a48cdbfd',
} as const;
