/** The page's calls to its own server. */
import type { Company, Deed, Done, Sight } from './shapes.ts';

const got = async <T>(path: string): Promise<T> => {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} says ${response.status}`);
  return (await response.json()) as T;
};

export const company = (): Promise<Company> => got<Company>('/company');
export const sightOf = (who: string): Promise<Sight> => got<Sight>(`/see?as=${encodeURIComponent(who)}`);

/** Never rejects: what went wrong is told where it was done. */
export async function act(who: string, deed: Deed): Promise<Done> {
  try {
    const response = await fetch('/do', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ as: who, deed }),
    });
    return (await response.json()) as Done;
  } catch {
    return { trouble: 'The playground does not answer. Is npm start still running?' };
  }
}

/** @param heard whenever there may be something new; told false when the connection is lost, and true when it is back */
export function listen(heard: (connected: boolean) => void): () => void {
  const source = new EventSource('/live');
  source.addEventListener('message', () => heard(true));
  source.addEventListener('error', () => heard(false));
  return () => source.close();
}
