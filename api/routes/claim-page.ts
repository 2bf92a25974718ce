import { readFileSync } from 'node:fs';
import { Router, type RequestHandler } from 'express';

/**
 * The claim page: one static page for everybody. GET and HEAD read no code and consume nothing, because chat servers
 * and mail scanners open every link they see; the code is in the fragment, which no request carries.
 */
const pageHeaders = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; " +
    "frame-ancestors 'none'; base-uri 'none'",
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
  'X-Robots-Tag': 'noindex, nofollow',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
} as const;

const files = [
  { path: '/claim', file: 'index.html', type: 'text/html; charset=utf-8' },
  { path: '/claim/page.js', file: 'page.js', type: 'text/javascript; charset=utf-8' },
  { path: '/claim/ready.js', file: 'ready.js', type: 'text/javascript; charset=utf-8' },
  { path: '/claim/scram.js', file: 'scram.js', type: 'text/javascript; charset=utf-8' },
  { path: '/claim/page.css', file: 'page.css', type: 'text/css; charset=utf-8' },
] as const;

/** Reads the files once: what a process serves is what it was started with. */
export function claimPage(): Router {
  const router = Router({ caseSensitive: true, strict: true });
  for (const { path, file, type } of files) {
    const body = readFileSync(new URL(`../page/${file}`, import.meta.url));
    const serve: RequestHandler = (_request, response) => {
      response.set(pageHeaders).set('Content-Type', type).send(body);
    };
    // Express answers HEAD with the route of GET, without the body.
    router.get(path, serve);
  }
  return router;
}
