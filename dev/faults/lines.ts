/** Every line between Curfew's processes and their servers, each its own, so that one may break and the others hold. */
import type { Service } from '../stack/service.ts';
import type { Lines } from '../stack/stack.ts';
import type { StackSettings } from '../stack/settings.ts';
import { openProxy, type Proxy } from './proxy.ts';

const ends = {
  'worker-target': 'target',
  'worker-store': 'store',
  'worker-temporal': 'temporal',
  'reaper-target': 'target',
  'worker-standby': 'standby',
  'reaper-standby': 'standby',
  'reaper-store': 'store',
  'api-store': 'store',
  'api-temporal': 'temporal',
} as const satisfies Readonly<Record<string, 'target' | 'standby' | 'store' | 'temporal'>>;
export type LineName = keyof typeof ends;
export const lineNames = Object.keys(ends) as LineName[];

export type AllLines = Lines & { readonly line: Readonly<Record<LineName, Proxy>>; readonly restore: () => void };

export async function openLines(settings: StackSettings): Promise<AllLines> {
  const opened = await Promise.all(
    lineNames.map(async (name) => {
      const to = { host: '127.0.0.1', port: settings.ports[ends[name]] };
      return [name, await openProxy({ to, name })] as const;
    }),
  );
  const line = Object.fromEntries(opened) as Record<LineName, Proxy>;
  const of = (process: Service['name']): StackSettings => ({
    ...settings,
    ports: {
      ...settings.ports,
      ...Object.fromEntries(
        lineNames.filter((name) => name.startsWith(`${process}-`)).map((name) => [ends[name], line[name].port]),
      ),
    },
  });
  return {
    name: 'the lines',
    line,
    seenBy: of,
    restore: () => opened.forEach(([, proxy]) => proxy.restore()),
    stop: () => Promise.all(opened.map(([, proxy]) => proxy.close())),
  };
}
