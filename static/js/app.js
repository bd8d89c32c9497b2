// What every page has: each module looks for its own marks and leaves a page without them alone.
import './theme.js';
import './times.js';
import './drafts.js';
import { start as startLive } from './live.js';
import { start as startCompare } from './compare.js';

// A refused form says so first: keyboard and screen reader begin at the summary.
document.querySelector('[data-focus]')?.focus();

// Without a signal the browser would put its own page in place of the form, and all that was typed.
function tellNoSignal(button) {
  const note = button.form.querySelector('.no-signal') ?? document.createElement('p');
  note.className = 'say warn no-signal';
  note.setAttribute('role', 'alert');
  note.textContent = JSON.parse(document.documentElement.dataset.words).noSignal;
  button.closest('.btns, div')?.before(note) ?? button.before(note);
  addEventListener('online', () => note.remove(), { once: true });
}

// A press that is on its way is not pressed twice; the server's keys make a repeat harmless anyway.
document.addEventListener('submit', (event) => {
  const button = event.submitter;
  if (event.defaultPrevented || !button || event.target.method !== 'post') return;
  if (button.getAttribute('aria-busy') === 'true') { event.preventDefault(); return; }
  if (!navigator.onLine) { event.preventDefault(); tellNoSignal(button); return; }
  button.setAttribute('aria-busy', 'true');
  addEventListener('pageshow', () => button.removeAttribute('aria-busy'), { once: true });
  setTimeout(() => button.removeAttribute('aria-busy'), 10_000);
});

// Phones open a drawing at its worst pin.
function showWorstPin(root) {
  for (const box of root.querySelectorAll('.elev-scroll')) {
    const dot = box.querySelector('.pin-critical .dot, .pin-high .dot, .pin-medium .dot');
    if (!dot || box.scrollWidth <= box.clientWidth) continue;
    const pin = dot.getBoundingClientRect(), frame = box.getBoundingClientRect();
    box.scrollLeft += pin.left - frame.left - frame.width * 0.5;
  }
}

showWorstPin(document);
startCompare(document);
startLive();
if (document.querySelector('[data-photos]')) import('./photos.js').then((photos) => photos.start());
