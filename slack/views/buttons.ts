/**
 * What a requester can do with a request of theirs, wherever it is shown: the same words and questions everywhere.
 * `of`: which request, for screen readers, where buttons of several stand in one place.
 */
import type { RequestId } from '../../domain/ids.ts';
import { actions } from '../ids.ts';
import { button } from './kit.ts';

export const claimButton = (id: RequestId, of?: string) =>
  button(actions.claim, 'Claim', id, { style: 'primary', ...spoken('Claim', of) });

export const extendButton = (id: RequestId, of?: string) => button(actions.extend, 'Extend', id, spoken('Extend', of));

export const askAgainButton = (id: RequestId, of?: string) =>
  button(actions.askAgain, 'Ask again', id, spoken('Ask again for', of));

export const withdrawButton = (id: RequestId, of?: string) =>
  button(actions.withdraw, 'Withdraw', id, {
    style: 'danger',
    ...spoken('Withdraw', of),
    confirm: { title: 'Withdraw this request?', text: 'It cannot be approved or claimed any more.', yes: 'Withdraw' },
  });

export const doneButton = (id: RequestId, of?: string) =>
  button(actions.release, "I'm done", id, {
    style: 'primary',
    ...spoken("I'm done with", of),
    confirm: {
      title: 'Done with this access?',
      text: 'Open sessions are closed and the login ends now.',
      yes: "I'm done",
    },
  });

const spoken = (does: string, of: string | undefined) => (of === undefined ? {} : { spoken: `${does} ${of}` });
