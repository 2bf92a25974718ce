import { directoryWitness } from './directory.ts';
import { httpWitness } from './http.ts';
import type { Witness } from './witness.ts';

/** Where a witness is, as an operator writes it. */
export type WitnessAt =
  { readonly kind: 'folder'; readonly path: string } | { readonly kind: 'http'; readonly address: string };

/** @param token for those that are asked over HTTP */
export const openWitnesses = (places: readonly WitnessAt[], token?: string): readonly Witness[] =>
  places.map((place) => (place.kind === 'folder' ? directoryWitness(place.path) : httpWitness(place.address, token)));
