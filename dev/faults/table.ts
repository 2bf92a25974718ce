/** Every fault that the design numbers, and where it is there: in this suite, in a test of its own, or nowhere yet. */
export type Place =
  | { readonly kind: 'suite' }
  /** Shown by a test: its file, and words of it by which it is found. */
  | { readonly kind: 'test'; readonly file: string; readonly says: string }
  | { readonly kind: 'none'; readonly why: string };

const suite: Place = { kind: 'suite' };
const shown = (file: string, says: string): Place => ({ kind: 'test', file, says });
const none = (why: string): Place => ({ kind: 'none', why });

/** By the n of Fn. */
export const faultTable: Readonly<Record<number, Place>> = {
  1: suite,
  2: suite,
  3: suite,
  4: suite,
  5: suite,
  6: suite,
  7: suite,
  8: suite,
  9: none('A log on a full disk takes a file system of its own, which only an administrator of the machine can mount.'),
  10: suite,
  11: suite,
  12: suite,
  13: suite,
  14: suite,
  15: shown('test/workflows.histories.test.ts', 'does not replay on code that does something else'),
  16: suite,
  17: none(
    'The 2,001st Update of one Workflow takes the development server minutes, and no surface lets one person get there.',
  ),
  18: suite,
  19: suite,
  20: suite,
  21: suite,
  22: suite,
  23: shown('test/activities.reconcile-targets.test.ts', 'F23 F25, P10'),
  24: suite,
  25: shown('test/story.restored.test.ts', 'F25'),
  26: suite,
  27: suite,
  28: suite,
  29: suite,
  30: suite,
  31: suite,
  32: suite,
  33: shown('test/activities.reconcile-targets.test.ts', 'whose clock is more than two seconds off (F33)'),
  34: suite,
  35: suite,
  36: suite,
  37: suite,
  38: suite,
  39: suite,
  40: suite,
  41: suite,
  42: suite,
  43: none(
    'A thousand whole stories at once are what two cores take minutes for; the bench measures storms of ten thousand.',
  ),
  44: shown('test/api.scim-hostile.test.ts', 'hundreds of hostile inputs'),
  45: suite,
  46: suite,
  47: suite,
  48: shown(
    'test/store.audit.test.ts',
    'not even the owner, nor a superuser who skips ordinary triggers, changes an entry',
  ),
  49: suite,
  50: none('A day and a night: `npm run faults -- --minutes 1440` is it, on a machine that has the time.'),
};
