import { finder, type Check } from '../finding.ts';

const found = finder('I14');
/** A grant's end is asked by the caller's clock, and the ledger notes when by the target's own. */
const marginMs = 5_000;

/** Whatever the worker's login sent: no template off the list, no life beyond the maximum, no power beyond a template. */
export const withinTheAllowList: Check = ({ targets }) =>
  targets.flatMap((target) => [
    ...target.excess.map(({ role, what }) => found('excess', `${target.cluster}/${role}`, `${role} ${what}.`)),
    ...target.ledger
      .filter((row) => row.state === 'active')
      .flatMap((row) => {
        const template = target.templates.find((one) => one.role === row.template);
        const role = target.roles.find((one) => one.name === row.role);
        const lifeMs = row.endAt !== null && row.grantedAt !== null ? row.endAt - row.grantedAt : Infinity;
        return [
          ...(template?.enabled ? [] : [found('template', row.grantId, 'Its template is not on the list.')]),
          ...(template && lifeMs > template.maxTtlMs + marginMs
            ? [found('too-long', row.grantId, 'It lives longer than its template may.')]
            : []),
          ...(role?.memberships.some((one) => one !== row.template)
            ? [found('membership', row.grantId, 'It is a member of more than its template.')]
            : []),
          ...(role && role.powers.length > 0 ? [found('power', row.grantId, `It has ${role.powers.join(', ')}.`)] : []),
        ];
      }),
  ]);
