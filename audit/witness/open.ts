import { directoryWitness } from './directory.ts';
import { httpWitness } from './http.ts';
import { patiently } from './patient.ts';
import type { Witness } from './witness.ts';

/** Where a witness is, as an operator writes it. */
export type WitnessAt =
  { readonly kind: 'folder'; readonly path: string } | { readonly kind: 'http'; readonly address: string };

/** One that does not answer by then is behind, and holds up nothing else; an endpoint has its own bound. */
const answerMs = 10_000;

/** @param token for those that are asked over HTTP */
export const openWitnesses = (places: readonly WitnessAt[], token?: string): readonly Witness[] =>
  places.map((place) =>
    place.kind === 'folder' ? patiently(directoryWitness(place.path), answerMs) : httpWitness(place.address, token),
  );
