import { defineConfig } from 'vitest/config';

/** Real servers behind most tests: two files at a time on two cores, and room on a machine that does more than this. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 180_000,
    hookTimeout: 180_000,
    teardownTimeout: 30_000,
    passWithNoTests: false,
  },
});
