/** What some vendors' deliveries look like, so that a source says only what differs. */

type Preset = {
  readonly signature: Readonly<Record<string, unknown>>;
  readonly event: Readonly<Record<string, unknown>>;
};

const standard: Preset = {
  signature: {},
  event: {
    type: '/type',
    types: { 'person.left': 'left', 'person.suspended': 'suspended', 'person.active': 'active' },
    handle: '/data/handle',
    version: '/data/version',
    effectiveAt: '/data/effectiveAt',
  },
};

/** `X-Hub-Signature-256: sha256=<hex>` over the body alone: what many have taken over from GitHub. */
const github: Preset = {
  signature: {
    header: 'x-hub-signature-256',
    algorithm: 'sha256',
    encoding: 'hex',
    prefix: 'sha256=',
    content: '{body}',
  },
  event: { type: '/action' },
};

/** Body and timestamp one after the other; several employees in one delivery. */
const bamboohr: Preset = {
  signature: {
    header: 'x-bamboohr-signature',
    algorithm: 'sha256',
    encoding: 'hex',
    prefix: '',
    content: '{body}{timestamp}',
    timestamp: { header: 'x-bamboohr-timestamp', unit: 's', tolerance: '5m' },
  },
  event: { each: '/employees', type: '/fields/status/value', types: { Active: 'active', Inactive: 'left' } },
};

/** SHA-512 in base64 over the body, which says when it was made. */
const hibob: Preset = {
  signature: { header: 'bob-signature', algorithm: 'sha512', encoding: 'base64', prefix: '', content: '{body}' },
  event: {
    type: '/type',
    types: { 'employee.left': 'left', 'employee.joined': 'active' },
    version: '/triggeredAt',
  },
};

export const presets = { standard, github, bamboohr, hibob } as const;
export const presetNames = ['standard', 'github', 'bamboohr', 'hibob'] as const;
export type PresetName = (typeof presetNames)[number];

export const oktaTypes = {
  'user.lifecycle.deactivate': 'left',
  'user.lifecycle.delete.initiated': 'left',
  'user.lifecycle.suspend': 'suspended',
  'user.lifecycle.unsuspend': 'active',
  'user.lifecycle.activate': 'active',
} as const;
