/**
 * Every id that Slack sends back to us: callback ids of views, action ids of buttons and inputs, block ids of inputs.
 * A button's `value` is a request's id (of "not me" on an approval too); `private_metadata` is parsed by
 * `views/metadata.ts`. Nothing else in a payload is believed.
 */
export const callbacks = {
  /** The request form. */
  ask: 'curfew:ask',
  /** Review of a request: approve or deny. */
  decide: 'curfew:decide',
  /** Access for an incident, at once. */
  breakGlass: 'curfew:breakglass',
  /** Review of a break-glass grant afterwards. */
  review: 'curfew:review',
  /** Review of an extension: the same choice, of a later end. */
  decideExtension: 'curfew:decide-extension',
  /** How much longer, and why. */
  extend: 'curfew:extend',
  /** Review of a proposed policy. */
  decideProposal: 'curfew:decide-proposal',
  /** A modal that only tells something; it has no submit. */
  told: 'curfew:told',
  /** The App Home. */
  home: 'curfew:home',
} as const;

export const actions = {
  /** Card: opens Review. */
  review: 'request:review',
  /** Card: ends what somebody else holds. */
  endNow: 'request:end',
  /** Requester's messages. */
  claim: 'request:claim',
  claimLink: 'request:claim-link',
  withdraw: 'request:withdraw',
  release: 'request:release',
  disownClaim: 'request:disown-claim',
  askAgain: 'request:ask-again',
  /** Requester's messages and App Home: a later end. */
  extend: 'request:extend',
  /** Card: opens Review of an extension; its value is the extension's id. */
  reviewExtension: 'extension:review',
  /** Approver's message: "I did not approve this". */
  disownApproval: 'approval:disown',
  /** Break-glass: opens the form in which a second person says whether it was justified. */
  reviewBreakGlass: 'breakglass:review',
  /** App Home: the empty request form, and the end of an absence. They carry no id. */
  ask: 'home:ask',
  breakGlass: 'home:breakglass',
  back: 'home:back',
  /** Card of a proposed policy: opens its Review; its value is the proposal's id. */
  reviewProposal: 'proposal:review',
  /** Message to the old account: is a new link its person's? The value is the link's id. */
  confirmLink: 'link:confirm',
  refuseLink: 'link:refuse',
  /** Message about a leaver's approval: does it stay? The value is the taint's id. */
  keepTaint: 'taint:keep',
  endTaint: 'taint:end',
  /** Which role on which target: the options are the policy's. */
  glass: 'breakglass:what',
  /** Inputs of forms. They do nothing by themselves; a select that loads its options asks by this id. */
  target: 'ask:target',
  role: 'ask:role',
  duration: 'ask:duration',
  reason: 'ask:reason',
  ticket: 'ask:ticket',
  start: 'ask:start',
  extendBy: 'extend:by',
  extendWhy: 'extend:why',
  verdict: 'decide:verdict',
  why: 'decide:why',
  finding: 'review:finding',
  note: 'review:note',
} as const;

/** Blocks that can carry an error under their field. Each is named as the field of a `Refusal`. */
export const blocks = {
  target: 'target',
  role: 'role',
  duration: 'duration',
  reason: 'reason',
  ticket: 'ticket',
  start: 'start',
  verdict: 'verdict',
  /** A decision's reason. */
  why: 'reason',
  finding: 'finding',
  note: 'note',
} as const;

/** The one slash command. */
export const command = '/curfew';

/** A global shortcut that opens the request form. */
export const shortcut = 'curfew:ask-shortcut';
