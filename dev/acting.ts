/** Which command lines an operator answers for: the rest only look, or act as the person whose code is given. */

/** Beginnings: what they write is logged under the operator's login. */
export const acting: readonly string[] = [
  'migrate',
  'recover',
  'people import',
  'people leave',
  'people link',
  'people link-login',
  'people pull',
  'people erase',
  'oncall import',
  'scim token make',
  'scim token revoke',
  'policy apply',
  'target install',
  'target check',
  'target uninstall',
  'breakglass record',
  'alarms test',
  'audit retire',
];

/** @param words the arguments without the program's name */
export const actsAsOperator = (words: readonly string[]): boolean =>
  acting.some((beginning) => `${words.join(' ')} `.startsWith(`${beginning} `));
