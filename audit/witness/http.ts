/**
 * Any endpoint that keeps what is PUT under a name and never lets go of it: `PUT <address>/<epoch>-<size>.note` with the
 * note as text, answered by 2xx, or by 409 or 412 where it has that name; and `GET <address>/newest`, answered by the note
 * with the last name, or by 404 where it has none.
 */
import { boundedText } from '../../domain/bounded-text.ts';
import { noteName, type Witness } from './witness.ts';

/** One that does not answer by then is behind, and holds up nothing else. */
const patienceMs = 5_000;
/** Bytes. What answers more is no witness. */
const longestNote = 65_536;

/** @param address with a slash at its end */
export function httpWitness(address: string, token?: string): Witness {
  const call = async (path: string, init: RequestInit): Promise<Response> =>
    await fetch(new URL(path, address), {
      ...init,
      redirect: 'error',
      signal: AbortSignal.timeout(patienceMs),
      headers: {
        ...(init.headers as Record<string, string> | undefined),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
    });
  return {
    name: address,

    async newest() {
      const response = await call('newest', { method: 'GET' });
      const note = await boundedText(response.body, longestNote);
      if (response.status === 404) return undefined;
      if (!response.ok) throw new Error(`GET newest was answered with ${response.status}`);
      return note;
    },

    async put(note, checkpoint) {
      const response = await call(`${noteName(checkpoint)}.note`, {
        method: 'PUT',
        body: note,
        headers: { 'content-type': 'text/plain; charset=utf-8', 'if-none-match': '*' },
      });
      await boundedText(response.body, longestNote);
      if (!response.ok && ![409, 412].includes(response.status))
        throw new Error(`PUT was answered with ${response.status}`);
    },
  };
}
