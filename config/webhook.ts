/** The second kind of channel, beside Slack: one signed webhook, e.g. of a pager. */
import { optional, type Problem, type Values } from './field.ts';
import { listOf, secureAddress, webhookSecret } from './forms.ts';

export const webhookShape = {
  CURFEW_ALARM_WEBHOOK_URL: optional(secureAddress, {
    what: 'where alarms and break-glass announcements are posted, as Standard Webhooks; https, or http on this machine',
    mend: 'Set it to an https address, or unset it.',
  }),
  CURFEW_ALARM_WEBHOOK_SECRET: optional(listOf(webhookSecret), {
    what: 'what signs them, whsec_...; several, comma-separated, all sign while one is replaced',
    mend: 'Set it to whsec_ and base64 of at least 24 random bytes; several are separated by commas.',
  }),
} as const;

export type WebhookConfig = { readonly url: string; readonly secrets: readonly string[] };

export function webhookOf(
  values: Values<typeof webhookShape>,
): WebhookConfig | undefined | { readonly problems: readonly Problem[] } {
  const { CURFEW_ALARM_WEBHOOK_URL: url, CURFEW_ALARM_WEBHOOK_SECRET: secrets } = values;
  if (url === undefined && secrets === undefined) return undefined;
  if (url === undefined) return lone('CURFEW_ALARM_WEBHOOK_SECRET', 'CURFEW_ALARM_WEBHOOK_URL', webhookShape);
  if (secrets === undefined) return lone('CURFEW_ALARM_WEBHOOK_URL', 'CURFEW_ALARM_WEBHOOK_SECRET', webhookShape);
  return { url, secrets };
}

type Name = keyof typeof webhookShape;

const lone = (set: Name, missing: Name, shape: typeof webhookShape): { readonly problems: readonly Problem[] } => ({
  problems: [{ variable: missing, wrong: `is not set, and ${set} is`, mend: shape[missing].mend }],
});
