/**
 * The claim page. Reads the code from the fragment (which no server, log or Referer ever sees), asks what it is for,
 * and on the person's press makes a password here and sends only its verifier.
 */
import { copyFrom, fillReady, spanText } from './ready.js';
import { makePassword, makeVerifier } from './scram.js';

const byId = (id) => document.getElementById(id);
const sections = ['ask-code', 'working', 'offer', 'claim', 'again', 'terminal', 'ready'];
const pollMs = 500;
/** A grant takes well under a second; a minute covers a worker that is being restarted. */
const longestWaitMs = 60_000;

/** The code and, from the press on, password and verifier: kept so that a lost reply can be asked for again. */
const held = { code: '', password: '', verifier: '', retry: () => Promise.resolve() };

/**
 * Shows one state: its sentence, and the sections that belong to it.
 * @param {'plain' | 'good' | 'bad'} tone the colour beside the words, never instead of them
 */
function show(tone, heading, message, ...visible) {
  byId('page').dataset.tone = tone;
  byId('heading').textContent = heading;
  byId('message').textContent = message;
  for (const id of sections) byId(id).hidden = !visible.includes(id);
}

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @returns {Promise<{status: number, body: any}>} status 0: no answer at all */
async function post(path, body) {
  try {
    const answer = await fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      cache: 'no-store',
      credentials: 'omit',
      signal: AbortSignal.timeout(20_000),
    });
    return { status: answer.status, body: await answer.json().catch(() => ({})) };
  } catch {
    return { status: 0, body: {} };
  }
}

const headings = {
  UnknownCode: 'This code is not known',
  CodeSpent: 'This code is spent',
  NotPending: 'There is nothing to claim',
  PolicyDenied: 'The policy says no',
  TargetNotReady: 'The target is not ready',
  TooManyAttempts: 'Too many attempts',
};

/** A refusal of the server, in its own sentence. */
function refused({ status, body }, retry) {
  if (status === 0) return offerRetry('No answer', 'Curfew could not be reached. Nothing is lost: try again.', retry);
  const detail = typeof body.detail === 'string' ? body.detail : 'Something went wrong on the other side.';
  if (status >= 500) return offerRetry('Not now', detail, retry);
  show('bad', headings[body.code] ?? 'Not possible', detail, 'ask-code');
  byId('heading').focus();
}

function offerRetry(heading, message, retry) {
  show('bad', heading, message, 'again');
  held.retry = retry;
  byId('retry').focus();
}

async function peek() {
  show('plain', 'Claim access', 'Looking up your code…', 'working');
  const answer = await post('/claim/peek', { code: held.code });
  if (answer.status !== 200) return refused(answer, peek);
  byId('offer-target').textContent = answer.body.target;
  byId('offer-role').textContent = answer.body.role;
  byId('offer-databases').textContent = answer.body.databases.join(', ');
  byId('offer-databases-term').textContent = answer.body.databases.length === 1 ? 'Database' : 'Databases';
  byId('offer-duration').textContent = spanText(answer.body.durationMs);
  show('plain', 'Claim access', 'This is what was approved for you.', 'offer', 'claim');
  byId('press').disabled = false;
  byId('press').focus();
}

async function claim() {
  byId('press').disabled = true;
  if (held.verifier === '') {
    held.password = makePassword();
    held.verifier = await makeVerifier(held.password);
  }
  show('plain', 'Making your login…', 'The database is being told. This takes a moment.', 'working', 'offer');
  const answer = await post('/claim', { code: held.code, verifier: held.verifier });
  if (answer.status !== 200 && answer.status !== 202) return refused(answer, claim);
  await untilReady(answer);
}

/** The claim is accepted; the login appears a moment later. */
async function untilReady(first) {
  let answer = first;
  const giveUpAt = Date.now() + longestWaitMs;
  for (;;) {
    if (answer.body.state === 'active') return ready(answer.body);
    if (answer.body.state === 'ended') return ended(answer.body);
    if (Date.now() > giveUpAt) {
      return offerRetry('Still working', 'Your claim is recorded; the login is not there yet.', () =>
        untilReady(first),
      );
    }
    await wait(pollMs);
    const next = await post('/claim/status', { code: held.code });
    if (next.status === 200) answer = next;
  }
}

const ended = (body) =>
  show(
    'bad',
    body.outcome === 'failed' ? 'The login could not be made' : 'This access is over',
    body.outcome === 'failed'
      ? 'The target refused, and the request is closed. Slack says why; ask again from there.'
      : 'It ended before it was used. Ask again in Slack if you still need it.',
  );

function ready(access) {
  fillReady(access, held.password, () => {
    held.password = '';
    show('plain', 'This access is over', 'Its time is up. Ask again in Slack if you still need it.');
  });
  show('good', 'Your access is ready', 'Copy the password now: it is shown once.', 'offer', 'ready');
  byId('heading').focus();
}

document.addEventListener('click', (event) => void copyFrom(event));

byId('press').addEventListener('click', () => void claim());
byId('retry').addEventListener('click', () => void held.retry());
byId('ask-code').addEventListener('submit', (event) => {
  event.preventDefault();
  begin(byId('code').value);
});

function begin(code) {
  Object.assign(held, { code: code.trim(), password: '', verifier: '' });
  if (!globalThis.crypto?.subtle) {
    byId('terminal-line').textContent = `curfew connect ${held.code.replaceAll(/[^0-9A-Za-z-]/g, '')}`;
    return show(
      'bad',
      'This browser cannot make a password here',
      'That needs https, localhost or 127.0.0.1, and this page came another way. Use the command line instead.',
      'terminal',
    );
  }
  void peek();
}

const fragment = location.hash.slice(1);
// NB. Before anything else: not in the history, not in a screenshot, not in a bookmark.
history.replaceState(null, '', location.pathname);
if (fragment === '') show('plain', 'Claim access', 'Enter the code of your claim link.', 'ask-code');
else begin(fragment);
