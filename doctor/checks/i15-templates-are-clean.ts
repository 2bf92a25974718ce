import { finder, type Check } from '../finding.ts';

const found = finder('I15');

/** The lint has nothing to say about any template with a live grant, in any database. */
export const templatesAreClean: Check = ({ targets }) =>
  targets.flatMap((target) =>
    target.lint.map(({ database, code, what }) =>
      found(code, `${target.cluster}/${database}`, `A template with a live grant: ${what}.`),
    ),
  );
