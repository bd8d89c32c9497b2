// The strip under the chart: the whole span in small, and a window with two handles. Handles take
// arrow keys (a day), Page Up and Page Down (a week), Home and End; nothing needs a drag.
const DAY = 86_400;
const POINTS = 600;

export class Brush {
  constructor(box, { from, to, times, values, words, name, moved }) {
    Object.assign(this, { box, from, to, name, moved, window: [from, to] });
    this.span = Math.max(1, to - from);
    box.append(sketch(times, values), part('div', 'win'), this.handle(0, words.from), this.handle(1, words.to));
    this.frame = box.querySelector('.win');
    this.handles = [...box.querySelectorAll('.h')];
    box.addEventListener('pointerdown', (event) => this.drag(event));
  }

  handle(side, label) {
    const button = part('button', 'h');
    button.type = 'button';
    button.dataset.side = side;
    for (const [name, value] of [['role', 'slider'], ['aria-label', label], ['aria-valuemin', 0], ['aria-valuemax', Math.round(this.span / DAY)]]) {
      button.setAttribute(name, value);
    }
    button.addEventListener('keydown', (event) => this.key(event, side));
    return button;
  }

  show(from, to) {
    this.window = [from, to];
    const at = this.window.map((one) => Math.max(0, Math.min(1, (one - this.from) / this.span)));
    this.frame.style.left = `${at[0] * 100}%`;
    this.frame.style.width = `${(at[1] - at[0]) * 100}%`;
    this.handles.forEach((handle, side) => {
      handle.style.left = side
        ? `clamp(39px, calc(${at[1] * 100}% + 8px), calc(100% - 13px))`
        : `clamp(13px, calc(${at[0] * 100}% - 8px), calc(100% - 39px))`;
      handle.setAttribute('aria-valuenow', Math.round((at[side] * this.span) / DAY));
      handle.setAttribute('aria-valuetext', this.name(Math.min(this.window[side], this.to)));
    });
  }

  key(event, side) {
    const days = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -7, PageUp: 7 }[event.key];
    const end = { Home: this.from, End: this.to }[event.key];
    if (days === undefined && end === undefined) return;
    event.preventDefault();
    const at = end ?? this.window[side] + days * DAY;
    if (side) this.moved(this.window[0], Math.min(at, this.to));
    else this.moved(Math.max(at, this.from), this.window[1]);
  }

  at(event) {
    const box = this.box.getBoundingClientRect();
    return this.from + Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * this.span;
  }

  drag(event) {
    const side = event.target.dataset.side, start = this.at(event), [a, b] = this.window, least = Math.min(DAY, this.span / 4);
    const move = (now) => {
      const at = this.at(now);
      if (side === '0') this.moved(Math.min(at, b - least), b);
      else if (side === '1') this.moved(a, Math.max(at, a + least));
      else if (event.target === this.frame) {
        const by = Math.max(this.from - a, Math.min(this.to - b, at - start));
        this.moved(a + by, b + by);
      }
    };
    const stop = () => {
      this.box.removeEventListener('pointermove', move);
      for (const end of ['pointerup', 'pointercancel']) this.box.removeEventListener(end, stop);
    };
    this.box.setPointerCapture(event.pointerId);
    this.box.addEventListener('pointermove', move);
    for (const end of ['pointerup', 'pointercancel']) this.box.addEventListener(end, stop);
  }
}

function part(tag, name) {
  const made = document.createElement(tag);
  made.className = name;
  return made;
}

// By time, not by place in the list: the window's points are finer than the rest of the span.
function sketch(times, values) {
  const known = values.filter((one) => one != null), low = Math.min(...known), high = Math.max(...known);
  const first = times[0], span = Math.max(1, times[times.length - 1] - first), scale = high > low ? 36 / (high - low) : 0;
  let path = '', pen = false, drawn = -1;
  for (let i = 0; i < values.length; i += 1) {
    const x = ((times[i] - first) / span) * 1000;
    if (values[i] == null) pen = false;
    else if (!pen || x - drawn >= 1000 / POINTS) {
      path += `${pen ? 'L' : 'M'}${x.toFixed(1)} ${(42 - (values[i] - low) * scale).toFixed(1)}`;
      pen = true;
      drawn = x;
    }
  }
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg'), line = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  for (const [name, value] of [['viewBox', '0 0 1000 46'], ['preserveAspectRatio', 'none'], ['aria-hidden', 'true']]) svg.setAttribute(name, value);
  line.setAttribute('d', path);
  svg.append(line);
  return svg;
}
