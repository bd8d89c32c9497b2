// An open page stays true. It asks for a version every second (a 304 while nothing has changed);
// when something has happened it fetches itself and refreshes the regions marked data-live.
// A page that can't reach the server says so loudly: a quiet desk must not look calm.
import { morph } from './morph.js';

const POLL_MS = 1000;
const HIDDEN_POLL_MS = 15_000;
const READINGS_AT_MOST_EVERY_MS = 10_000;  // new readings alone may wait; what happened may not
const LOST_AFTER_FAILURES = 3;
const LONGEST_WAIT_MS = 10_000;

let url, from, shown, failures = 0, lostSince = 0, refreshedAt = 0, pending = null, timer = 0, running = false;

export function start() {
  url = document.body.dataset.liveUrl;
  from = document.body.dataset.liveFrom ?? location.href;  // a refused form's address only takes forms
  shown = document.body.dataset.liveVersion;
  if (!url || !document.querySelector('[data-live]')) return;
  refreshedAt = performance.now();
  document.addEventListener('visibilitychange', () => { if (!document.hidden) look(); });
  addEventListener('online', look);
  again();
}

function again() {
  clearTimeout(timer);
  const calm = document.hidden ? HIDDEN_POLL_MS : POLL_MS;
  const wait = failures ? Math.min(POLL_MS * 2 ** (failures - 1), LONGEST_WAIT_MS) : calm;
  timer = setTimeout(look, wait * (0.9 + Math.random() * 0.2));  // fifty desks don't ask as one
}

async function look() {
  if (running) return;
  running = true;
  clearTimeout(timer);
  try {
    const answer = await ask(url, { 'If-None-Match': `"${pending ?? shown}"` });
    if (answer.status === 401) { location.reload(); return; }  // the sign-in, with this page as next
    if (answer.status !== 304 && !answer.ok) throw new Error(String(answer.status));
    found();
    const version = answer.status === 304 ? pending : await answer.text();
    if (version && version !== shown) await changed(version);
  } catch {
    missed();
  } finally {
    running = false;
    again();
  }
}

async function changed(version) {
  pending = version;
  const happened = version.split('-')[0] !== shown.split('-')[0];
  if (!happened && performance.now() - refreshedAt < READINGS_AT_MOST_EVERY_MS) return;
  const answer = await ask(from, { 'X-Live': '1', Accept: 'text/html' });
  if (!answer.ok) throw new Error(String(answer.status));
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  refreshedAt = performance.now();
  shown = page.body.dataset.liveVersion ?? version;
  pending = null;
  for (const region of document.querySelectorAll('[data-live]')) {
    const fresh = region.id && page.getElementById(region.id);
    if (fresh) morph(region, fresh);
  }
  document.dispatchEvent(new CustomEvent('livechange'));
}

function ask(address, headers) {
  return fetch(address, {
    headers: { ...headers, Accept: headers.Accept ?? 'application/json' },
    credentials: 'same-origin', cache: 'no-store', signal: AbortSignal.timeout(8000), redirect: 'error',
  });
}

function missed() {
  failures += 1;
  if (failures < LOST_AFTER_FAILURES || lostSince) return;
  lostSince = Date.now();
  const bar = document.getElementById('live-lost');
  if (!bar) return;
  bar.querySelector('[data-lost-since]').textContent = new Date(lostSince).toTimeString().slice(0, 5);
  bar.hidden = false;
  document.documentElement.classList.add('lost');
}

function found() {
  failures = 0;
  if (!lostSince) return;
  lostSince = 0;
  document.documentElement.classList.remove('lost');
  const bar = document.getElementById('live-lost');
  if (bar) bar.hidden = true;
}
