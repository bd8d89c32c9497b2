// A green tag on a page that lies open, or was kept without signal, goes off by the phone's own
// clock: amber a day before the next inspection is due, red when it is. It never turns green again.
import { siteNow } from './times.js';

const SECOND_MS = 1000;

function turn(tag, look, words, icon) {
  if (tag.classList.contains(look)) return;
  tag.classList.remove('green', 'yellow', 'red', 'unknown');
  tag.classList.add(look);
  for (const [place, text] of Object.entries(words)) {
    const line = tag.querySelector(`[data-tag-${place}]`);
    if (line && text) line.textContent = text;
  }
  const use = tag.querySelector('use');
  if (use) use.setAttribute('href', use.getAttribute('href').replace(/#.*/, `#i-${icon}`));
}

export function look(now = siteNow()) {
  for (const tag of document.querySelectorAll('[data-tag]')) {
    const words = JSON.parse(tag.dataset.tag), due = Date.parse(tag.dataset.due), amber = Date.parse(tag.dataset.amber);
    if (now > due) turn(tag, 'red', words.expired, 'shield-x');
    else if (now >= amber) turn(tag, 'yellow', words.amber, 'shield');
  }
}

look();
setInterval(() => look(), SECOND_MS);
document.addEventListener('visibilitychange', () => { if (!document.hidden) look(); });
document.addEventListener('livechange', () => look());
