/** `3 requests`, `1 request`: what is counted is named in the plural, and the noun is its first word that is one. */
export function counted(many: number, name: string): string {
  if (many !== 1) return `${many} ${name}`;
  const one = name.replace(/\b(\w+?)(ies|s)\b/, (_, stem: string, end: string) => (end === 'ies' ? `${stem}y` : stem));
  return `1 ${one.replace(/ were\b/, ' was').replace(/ are\b/, ' is')}`;
}
