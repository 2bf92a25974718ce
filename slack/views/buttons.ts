/** What a requester can do with a request of theirs, wherever it is shown: the same words and questions everywhere. */
import type { RequestId } from '../../domain/ids.ts';
import { actions } from '../ids.ts';
import { button } from './kit.ts';

export const claimButton = (id: RequestId) => button(actions.claim, 'Claim', id, { style: 'primary' });

export const extendButton = (id: RequestId) => button(actions.extend, 'Extend', id);

export const askAgainButton = (id: RequestId) => button(actions.askAgain, 'Ask again', id);

export const withdrawButton = (id: RequestId) =>
  button(actions.withdraw, 'Withdraw', id, {
    style: 'danger',
    confirm: { title: 'Withdraw this request?', text: 'It cannot be approved or claimed any more.', yes: 'Withdraw' },
  });

export const doneButton = (id: RequestId) =>
  button(actions.release, "I'm done", id, {
    style: 'primary',
    confirm: {
      title: 'Done with this access?',
      text: 'Open sessions are closed and the login ends now.',
      yes: "I'm done",
    },
  });
