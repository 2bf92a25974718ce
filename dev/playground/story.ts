/** Which steps of the first-time story have happened, told from the buttons that Curfew has shown so far. */
import { actions } from '../../slack/ids.ts';
import { elementsOf } from '../slack/block-kit.ts';
import type { Story } from './page/shapes.ts';

/** A button that appears only once the step before it is done. An automatic request skips the approval. */
const signs: Readonly<Record<string, readonly (keyof Story)[]>> = {
  [actions.review]: ['asked'],
  [actions.claim]: ['asked', 'approved'],
  [actions.claimLink]: ['asked', 'approved', 'linked'],
  [actions.release]: ['asked', 'approved', 'linked', 'claimed'],
};

/** Monotonic: a message that is edited later takes no step back. */
export function storyTold(): { readonly note: (blocks: unknown) => void; readonly story: () => Story } {
  const seen: { -readonly [Step in keyof Story]: boolean } = {
    asked: false,
    approved: false,
    linked: false,
    claimed: false,
    ended: false,
  };
  return {
    note: (blocks) => {
      for (const { actionId } of elementsOf(blocks)) {
        for (const step of signs[actionId] ?? []) seen[step] = true;
        // One that was denied or lapsed can be asked again too: only what was claimed has ended.
        if (actionId === actions.askAgain && seen.claimed) seen.ended = true;
      }
    },
    story: () => ({ ...seen }),
  };
}
