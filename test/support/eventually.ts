export { eventually, until } from '../../dev/faults/eventually.ts';
