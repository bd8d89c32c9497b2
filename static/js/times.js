// "6 minutes ago" and "08:42 left" stay true. They count in site time, which a demo may speed up.
const language = document.documentElement.lang.startsWith('zh') ? 'zh' : 'en';
const words = new Intl.RelativeTimeFormat(language, { numeric: 'always' });
const UNITS = [['year', 31536000], ['month', 2592000], ['week', 604800], ['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];
let clock = null;  // { at, speed, since }: where the site's clock stood when the page was written

function readClock() {
  const mark = document.querySelector('[data-site-clock]');
  if (!mark) { clock = null; return; }
  const at = Date.parse(mark.dataset.at), speed = Number(mark.dataset.speed);
  if (!clock || clock.at !== at || clock.speed !== speed) clock = { at, speed, since: performance.now() };
}

export function siteNow() {
  return clock ? clock.at + (performance.now() - clock.since) * clock.speed : Date.now();
}

export function relative(at) {
  const seconds = (at - siteNow()) / 1000;
  if (Math.abs(seconds) < 10) return language === 'zh' ? '刚刚' : 'just now';
  const [unit, size] = UNITS.find(([, s]) => Math.abs(seconds) >= s * 1.2) ?? ['second', 1];
  return words.format(Math.round(seconds / size), unit);
}

const two = (n) => String(n).padStart(2, '0');

function face(seconds) {
  const whole = Math.abs(Math.trunc(seconds)), hours = Math.floor(whole / 3600);
  const rest = `${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  return (seconds < 0 ? '−' : '') + (hours ? `${hours}:${rest}` : rest);
}

function put(element, text) { if (element.textContent !== text) element.textContent = text; }

export function refresh() {
  readClock();
  for (const mark of document.querySelectorAll('time[data-ago]')) put(mark, relative(Date.parse(mark.dateTime)));
  for (const mark of document.querySelectorAll('[data-left]')) {
    const seconds = (Date.parse(mark.dataset.left) - siteNow()) / 1000;
    put(mark, face(seconds));
    mark.classList.toggle('late', seconds < 0);
    if (seconds < 0) mark.title = mark.dataset.late;
  }
  const hands = document.querySelector('[data-site-clock]');
  if (hands && clock.speed) put(hands, siteClock(siteNow()));
}

function siteClock(at) {
  const zone = document.documentElement.dataset.zone;
  const part = new Intl.DateTimeFormat(language === 'zh' ? 'zh-CN' : 'en-GB', {
    timeZone: zone, year: 'numeric', month: language === 'zh' ? 'numeric' : 'short', day: 'numeric',
    hour: '2-digit', minute: '2-digit', hourCycle: 'h23',
  }).formatToParts(at).reduce((all, one) => ({ ...all, [one.type]: one.value }), {});
  return language === 'zh'
    ? `${part.year}年${part.month}月${part.day}日 ${part.hour}:${part.minute}`
    : `${part.day} ${part.month} ${part.year} ${part.hour}:${part.minute}`;
}

refresh();
setInterval(refresh, 1000);
document.addEventListener('livechange', refresh);
