/**
 * The last state of the claim page: the password, how to connect, and how long it lasts. When that time is over the
 * password goes from the page, for a tab is left open more often than closed.
 */
const byId = (id) => document.getElementById(id);

/** Hosts on this machine speak without TLS; everywhere else psql must insist on it. */
const isLoopback = (host) => host === 'localhost' || host === '::1' || host.startsWith('127.');

function psqlLine(access, database) {
  const tls = isLoopback(access.host) ? '' : ' sslmode=require';
  return `psql "host=${access.host} port=${access.port} dbname=${database} user=${access.role}${tls}"`;
}

/** As people say it: `45 seconds`, `59 min`, `1 h 30 min`. */
export function spanText(ms) {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1) return `${Math.round(ms / 1_000)} seconds`;
  const parts = [];
  if (minutes >= 60) parts.push(`${Math.floor(minutes / 60)} h`);
  if (minutes % 60 > 0) parts.push(`${minutes % 60} min`);
  return parts.join(' ');
}

const instantText = (at) => new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'long' });

/**
 * Fills the section; the caller shows it.
 * @param over called once, at the end of the access
 */
export function fillReady(access, password, over) {
  byId('password').textContent = password;
  byId('lines').replaceChildren(...access.databases.map((name, index) => lineOf(psqlLine(access, name), index)));
  byId('end').dateTime = new Date(access.endAt).toISOString();
  byId('end').textContent = `at ${instantText(access.endAt)}`;
  const stopAt = access.loginsStopAt ?? access.endAt;
  byId('landing').hidden = stopAt === access.endAt;
  byId('stop').dateTime = new Date(stopAt).toISOString();
  byId('stop').textContent = instantText(stopAt);
  // Leaving loses the password for good, so the browser asks first, until it was copied.
  addEventListener('beforeunload', askFirst);
  tick(access.endAt, () => {
    empty();
    over();
  });
}

function empty() {
  removeEventListener('beforeunload', askFirst);
  byId('password').textContent = '';
  byId('lines').replaceChildren();
}

const askFirst = (event) => event.preventDefault();

function tick(endAt, over) {
  const leftMs = endAt - Date.now();
  if (leftMs <= 0) return over();
  byId('left').textContent = `in ${spanText(leftMs)},`;
  // A sleeping machine wakes up late: the next look is never far away.
  setTimeout(tick, Math.min(leftMs, 1_000), endAt, over);
}

function lineOf(text, index) {
  const line = document.createElement('div');
  line.className = 'line';
  const code = document.createElement('code');
  code.id = `psql-${index}`;
  code.textContent = text;
  const copy = document.createElement('button');
  copy.type = 'button';
  copy.className = 'copy';
  copy.dataset.copies = code.id;
  copy.textContent = 'Copy command';
  line.append(code, copy);
  return line;
}

/** A press of any Copy button: its own label and, for those who hear the page, the live region say what came of it. */
export async function copyFrom({ target: button }) {
  const id = button instanceof HTMLButtonElement ? button.dataset.copies : undefined;
  if (!id) return;
  const label = button.dataset.label ?? button.textContent;
  button.dataset.label = label;
  const said = await copied(byId(id));
  byId('copied').textContent = said;
  button.textContent = said;
  if (id === 'password') removeEventListener('beforeunload', askFirst);
  setTimeout(() => {
    button.textContent = label;
  }, 3_000);
}

async function copied(code) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    return 'Copied.';
  } catch {
    // No permission, or plain HTTP: select it, so that the keyboard's copy does it.
    getSelection()?.selectAllChildren(code);
    return 'Press Ctrl+C or ⌘C';
  }
}
