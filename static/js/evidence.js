// The evidence chart: a line over soft threshold bands, rain hanging from the top, alerts as marks
// with their numerals, a strip below with two handles that also take keys. It draws
//   { t: [seconds], v: [number|null], min: [...], max: [...],      null is a gap, never bridged
//     rain: [[seconds, mm]], rain_width_s, thresholds: [{severity, value}], below: bool,
//     alerts: [{t, severity}], change: {from, to, text}, window: [from, to], decimals }
// and asks data-url (with {since} and {until} filled in) for finer points when the span changes.
/* global uPlot */
import { Brush } from './brush.js';
import { drawBands, drawMarks } from './evidence-paint.js';

const DAY = 86_400;
const FETCH_AFTER_MS = 250;
const two = (n) => String(n).padStart(2, '0');
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const iso = (seconds) => new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z');

// Readings with silence on both sides are part of no line: the first of a new sensor. Rain alone
// (undefined) is no silence.
function alone(values) {
  const told = [...values.keys()].filter((i) => values[i] !== undefined);
  return told.filter((i, n) => values[i] !== null && values[told[n - 1]] == null && values[told[n + 1]] == null);
}

class EvidenceChart {
  constructor(box) {
    this.box = box;
    this.host = box.querySelector('.chart-host');
    this.words = JSON.parse(this.host.dataset.words);
    this.unit = this.host.dataset.unit;
    this.zone = document.documentElement.dataset.zone;
    this.whole = JSON.parse(box.querySelector('.evidence-data').textContent);
    this.data = this.whole;
    if (!this.whole.t.length) return;
    this.first = this.whole.t[0];
    this.last = this.whole.t[this.whole.t.length - 1];
    this.window = this.whole.window ?? [Math.max(this.first, this.last - 7 * DAY), this.last];
    this.brush = new Brush(box.querySelector('.brush'), {
      from: this.first, to: this.last, times: this.whole.t, values: this.whole.v ?? this.whole.max, words: this.words,
      name: (at) => this.day(at), moved: (from, to) => this.show(from, to),
    });
    box.querySelector('.brush-ends .from').textContent = this.day(this.first);
    box.querySelector('.brush-ends .to').textContent = this.day(this.last);
    this.build();
    this.listen();
    this.show(...this.window);
  }

  parts(at) {
    const zone = { timeZone: this.zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: '2-digit', minute: '2-digit' };
    this.formatter ??= new Intl.DateTimeFormat('en-GB', zone);
    return this.formatter.formatToParts(at * 1000).reduce((all, one) => ({ ...all, [one.type]: one.value }), {});
  }
  day(at) { const p = this.parts(at); return `${p.year}-${two(p.month)}-${two(p.day)}`; }
  short(at) { const p = this.parts(at); return `${p.month}-${p.day}`; }
  time(at) { const p = this.parts(at); return `${p.hour}:${p.minute}`; }
  number(value) { return value.toFixed(this.whole.decimals ?? 2).replace('-', '−'); }

  tables() {
    const { t, v, min, max, rain } = this.data;
    const line = [t, v ?? max.map((high, i) => (high === null ? null : (high + min[i]) / 2))];
    if (min && max) line.push(min, max);
    const drops = rain?.length ? [rain.map((one) => one[0]), rain.map((one) => one[1])] : [[], []];
    // A gap is one null: it reaches as far as nothing was read (2), past rain that fell meanwhile.
    return uPlot.join([line, drops], [line.map(() => 2), drops.map(() => 1)]);
  }

  valueRange(low, high) {
    if (low === null) return [0, 1];
    const pad = Math.max((high - low) * 0.12, 10 ** -(this.whole.decimals ?? 2) * 6);
    const near = (this.whole.thresholds ?? []).map((one) => one.value)
      .filter((value) => (this.whole.below ? value < low : value > high) && Math.abs(value - (this.whole.below ? low : high)) < (high - low + pad) * 1.5);
    const next = near.length ? (this.whole.below ? Math.max(...near) : Math.min(...near)) : null;
    return [Math.min(low, next ?? low) - pad, Math.max(high, next ?? high) + pad];
  }

  rainRange() {
    const most = Math.max(10, ...(this.data.rain ?? []).map((one) => one[1]));
    return [0, most * 3.2];
  }

  build() {
    const band = Boolean(this.data.min && this.data.max);
    const thin = { stroke: () => css('c-line-2'), width: 0, points: { show: false } };
    const axis = { stroke: () => css('c-axis'), font: `12px ${css('sans')}`, grid: { stroke: () => css('c-grid'), width: 1 }, ticks: { show: false } };
    const rainTop = () => this.rainRange()[1] / 3.2;
    this.hasBand = band;
    this.plot?.destroy();
    this.plot = new uPlot({
      width: this.host.clientWidth, height: this.host.clientHeight, padding: [6, 4, 0, 0], legend: { show: false },
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), this.zone),
      cursor: { drag: { x: true, y: false }, points: { size: 8 }, y: false },
      bands: band ? [{ series: [3, 2], fill: () => css('c-grid') }] : [],
      scales: {
        x: { time: true, range: () => this.window },
        y: { range: (plot, low, high) => this.valueRange(low, high) },
        rain: { dir: -1, range: () => this.rainRange() },
      },
      axes: [
        { ...axis, size: 30, space: 64, values: (plot, at, index, space, step) => at.map((one) => (step < DAY ? this.time(one) : this.short(one))) },
        { ...axis, size: 50, values: (plot, values) => values.map((one) => String(+one.toFixed(3)).replace('-', '−')) },
        { ...axis, scale: 'rain', side: 1, size: this.data.rain?.length ? 38 : 0, show: Boolean(this.data.rain?.length), grid: { show: false }, splits: () => [0, rainTop() / 2, rainTop()], values: (plot, values) => values.map((one) => +one.toFixed(0)) },
      ],
      series: [
        {},
        { stroke: () => css('c-line'), width: 1.8, points: { show: false, size: 6, fill: () => css('c-line'), filter: (plot, index) => alone(plot.data[index]) } },
        ...(band ? [thin, thin] : []),
        { scale: 'rain', stroke: () => css('c-rain'), fill: () => css('c-rain'), width: 0, points: { show: false }, paths: (plot, index, from, to) => this.rainBars(plot, index, from, to) },
      ],
      hooks: {
        drawClear: [(plot) => drawBands(plot, this.whole, css)],
        draw: [(plot) => drawMarks(plot, this.whole, css)],
        setCursor: [(plot) => this.read(plot.cursor.idx)],
        setSelect: [(plot) => this.select(plot)],
      },
    }, this.tables(), this.host);
    this.plot.over.addEventListener('dblclick', () => this.show(this.first, this.last));
  }

  // A bar is as wide as the time it stands for: an hour of rain is not drawn as a day.
  rainBars(plot, index, from, to) {
    const width = this.data.rain_width_s ?? this.whole.rain_width_s ?? 3600, path = new Path2D();
    const top = plot.valToPos(0, 'rain', true);
    for (let i = from; i <= to; i += 1) {
      const at = plot.data[0][i], mm = plot.data[index][i];
      if (!mm) continue;
      const left = plot.valToPos(at - width / 2, 'x', true), right = plot.valToPos(at + width / 2, 'x', true);
      path.rect(left, top, Math.max(right - left - 1, 1.5), plot.valToPos(mm, 'rain', true) - top);
    }
    return { fill: path, stroke: null, clip: null };
  }

  select(plot) {
    if (plot.select.width <= 8) return;
    const from = plot.posToVal(plot.select.left, 'x'), to = plot.posToVal(plot.select.left + plot.select.width, 'x');
    plot.setSelect({ left: 0, width: 0 }, false);
    this.show(from, to);
  }

  show(from, to) {
    const least = Math.min(DAY / 4, this.last - this.first);
    if (to - from < least) return;
    this.window = [Math.max(this.first, from), Math.min(this.last, to) + (to - from) * 0.012];
    this.plot.setData(this.plot.data);
    this.brush.show(...this.window);
    this.mark();
    this.read(null);
    this.finer();
  }

  mark() {
    const span = this.window[1] - this.window[0];
    for (const button of this.box.querySelectorAll('[data-days]')) {
      const wanted = Math.min(button.dataset.days * DAY, this.last - this.first);
      button.setAttribute('aria-pressed', String(Math.abs(span - wanted) < 0.03 * wanted && this.window[1] >= this.last - 60));
      button.hidden = button.dataset.days > 1 && (button.dataset.days * DAY) / 4 > this.last - this.first;
    }
  }

  finer() {
    if (!this.host.dataset.url) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fetch(), FETCH_AFTER_MS);
  }

  async fetch() {
    const [from, to] = this.window;
    const url = this.host.dataset.url.replace('{since}', encodeURIComponent(iso(from))).replace('{until}', encodeURIComponent(iso(to)));
    try {
      const answer = await fetch(url, { headers: { Accept: 'application/json' }, credentials: 'same-origin' });
      if (!answer.ok) throw new Error(String(answer.status));
      const data = await answer.json();
      if (from !== this.window[0] || to !== this.window[1]) return;  // he has moved on since
      this.data = { ...this.whole, ...data };
      if (Boolean(this.data.min && this.data.max) !== this.hasBand) this.build();
      else this.plot.setData(this.tables());
      this.read(null);
    } catch {
      this.box.querySelector('.readout').textContent = this.words.failed;
    }
  }

  read(index) {
    const out = this.box.querySelector('.readout'), [at, values] = this.plot.data;
    let i = index;
    if (i == null) for (i = at.length - 1; i > 0 && (values[i] == null || at[i] > this.window[1]);) i -= 1;
    if (at[i] === undefined) { out.textContent = ''; return; }
    const value = values[i] == null ? this.words.gap : `${this.number(values[i])}\u00a0${this.unit}`;
    const mm = this.rainAt(at[i]);
    out.textContent = `${this.short(at[i])} ${this.time(at[i])} · ${value}${mm === null ? '' : ` · ${this.words.rain} ${mm}\u00a0mm`}`;
  }

  rainAt(at) {
    const width = (this.data.rain_width_s ?? this.whole.rain_width_s ?? 3600) / 2;
    const found = (this.data.rain ?? []).find((one) => Math.abs(one[0] - at) <= width);
    return found ? found[1] : null;
  }

  listen() {
    for (const button of this.box.querySelectorAll('[data-days]')) {
      button.addEventListener('click', () => this.show(Math.max(this.first, this.last - button.dataset.days * DAY), this.last));
    }
    new ResizeObserver(() => {
      if (this.host.clientWidth) this.plot.setSize({ width: this.host.clientWidth, height: this.host.clientHeight });
    }).observe(this.host);
    document.addEventListener('themechange', () => this.plot.redraw());
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.plot.redraw());
  }
}

for (const box of document.querySelectorAll('[data-evidence]')) new EvidenceChart(box);
