/** Where a process reads of which sources word on people comes. */
import { optional } from './field.ts';
import { folder as absolutePath } from './forms.ts';

export const sourcesShape = {
  CURFEW_HR_SOURCES: optional(absolutePath, {
    what: 'YAML file of sources of people: their hooks, signatures and secrets, and how they are asked; unset: none but the first hook',
    mend: 'Set it to the absolute path of the file, or unset it.',
  }),
} as const;
