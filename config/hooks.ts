/** `node api/main.ts --only hooks`: what word on people comes through, with the directory's login and nothing else. */
import { apiShape } from './api.ts';
import { readShape, required, type Environment, type Problem, type Read, type ReadText } from './field.ts';
import { postgresUrl } from './forms.ts';
import { logShape, processShape, type LogLevel } from './process.ts';
import { scimShape } from './scim.ts';
import { sourcesShape } from './sources.ts';

const { CURFEW_HOST, CURFEW_DRAIN } = processShape(0);

export const hooksShape = {
  CURFEW_DIRECTORY_STORE_URL: required(postgresUrl, {
    what: 'the store, as curfew_directory',
    mend: apiShape.CURFEW_DIRECTORY_STORE_URL.mend,
  }),
  CURFEW_HR_SECRETS: apiShape.CURFEW_HR_SECRETS,
  ...sourcesShape,
  ...scimShape,
  CURFEW_HOST,
  CURFEW_PORT: apiShape.CURFEW_PORT,
  CURFEW_TRUSTED_PROXIES: apiShape.CURFEW_TRUSTED_PROXIES,
  ...logShape,
  CURFEW_DRAIN,
} as const;

export type HooksConfig = {
  readonly directoryUrl: string;
  /** Empty: the first hook is off. */
  readonly hrSecrets: readonly string[];
  readonly sourcesFile?: string;
  readonly scimUserDomain?: string;
  readonly host: string;
  readonly port: number;
  readonly trustedProxies: number;
  readonly logLevel: LogLevel;
  readonly drainMs: number;
};

/** Reads the configuration of hooks that run apart; every problem at once, and no value in any of them. */
export const readHooksConfig = (environment: Environment, readText?: ReadText): Read<HooksConfig> =>
  readShape<typeof hooksShape, HooksConfig>(
    hooksShape,
    environment,
    (values): HooksConfig | { readonly problems: readonly Problem[] } => ({
      directoryUrl: values.CURFEW_DIRECTORY_STORE_URL,
      hrSecrets: values.CURFEW_HR_SECRETS ?? [],
      ...(values.CURFEW_HR_SOURCES === undefined ? {} : { sourcesFile: values.CURFEW_HR_SOURCES }),
      ...(values.CURFEW_SCIM_USER_DOMAIN === undefined ? {} : { scimUserDomain: values.CURFEW_SCIM_USER_DOMAIN }),
      host: values.CURFEW_HOST,
      port: values.CURFEW_PORT,
      trustedProxies: Number(values.CURFEW_TRUSTED_PROXIES),
      logLevel: values.CURFEW_LOG_LEVEL,
      drainMs: values.CURFEW_DRAIN,
    }),
    readText,
  );
