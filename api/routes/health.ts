import { Router } from 'express';

/** What this process needs before it can serve; each answers or throws. */
export type Readiness = Readonly<Record<string, () => Promise<unknown>>>;

const longestCheckMs = 2_000;

/** `/healthz`: the process runs. `/readyz`: what it needs answers; 503 and the names of what does not, otherwise. */
export function healthRoutes(needs: Readiness): Router {
  const router = Router({ caseSensitive: true, strict: true });
  router.get('/healthz', (_request, response) => {
    response.set('Cache-Control', 'no-store').json({ ok: true });
  });
  router.get('/readyz', async (_request, response) => {
    const names = Object.keys(needs);
    const checks = await Promise.all(names.map(async (name) => [name, await answers(needs[name])] as const));
    const ok = checks.every(([, well]) => well);
    response
      .status(ok ? 200 : 503)
      .set('Cache-Control', 'no-store')
      .json({ ok, needs: Object.fromEntries(checks) });
  });
  return router;
}

async function answers(check: (() => Promise<unknown>) | undefined): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, longestCheckMs, false);
  });
  try {
    return await Promise.race([(check?.() ?? Promise.resolve()).then(() => true), late]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
