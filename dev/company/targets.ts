/** The sample company's databases: one cluster with a control database of Curfew's and two targets. */
import type { TargetName } from '../../domain/ids.ts';

export const clusterName = 'sample';
export const zone = 'default';
/** Where Curfew's ledger and functions live; no grantee may connect to it. */
export const controlDatabase = 'curfew_control';

export const sampleTargets = [
  {
    name: 'orders-prod' as TargetName,
    databases: ['orders'],
    templates: ['orders_read', 'orders_write', 'orders_maintain'],
  },
  {
    name: 'models-prod' as TargetName,
    databases: ['models'],
    templates: ['models_read', 'models_write', 'models_maintain'],
  },
] as const;
