// What the evidence chart paints under and over its line: threshold bands, the change that fired
// the rule, and alerts as numbered marks.
const COLOUR = { low: 'blue', medium: 'yellow', high: 'orange', critical: 'red' };
const NUMERAL = { low: 'Ⅳ', medium: 'Ⅲ', high: 'Ⅱ', critical: 'Ⅰ' };
const WORD = JSON.parse(document.documentElement.dataset.words);
const ratio = () => window.devicePixelRatio || 1;

function bandsOf({ thresholds = [], below = false }) {
  const sorted = [...thresholds].sort((a, b) => (below ? b.value - a.value : a.value - b.value));
  return sorted.map((one, i) => ({ ...one, end: sorted[i + 1]?.value ?? (below ? -Infinity : Infinity) }));
}

export function drawBands(plot, data, css) {
  const { ctx, bbox: box } = plot, edge = (y) => Math.max(box.top, Math.min(y, box.top + box.height));
  for (const band of bandsOf(data)) {
    const start = edge(plot.valToPos(band.value, 'y', true));
    const far = Number.isFinite(band.end) ? plot.valToPos(band.end, 'y', true) : (data.below ? box.top + box.height : box.top);
    const end = edge(far), colour = COLOUR[band.severity];
    if (start === end) continue;
    ctx.fillStyle = css(`${colour}-soft`);
    ctx.fillRect(box.left, Math.min(start, end), box.width, Math.abs(end - start));
    ctx.fillStyle = css(colour === 'yellow' ? 'yellow-edge' : colour);
    ctx.fillRect(box.left, start - ratio() / 2, box.width, ratio());
  }
}

function halo(ctx, text, x, y, ink, paper) {
  ctx.lineJoin = 'round';
  ctx.lineWidth = 5 * ratio();
  ctx.strokeStyle = paper;
  ctx.strokeText(text, x, y);
  ctx.fillStyle = ink;
  ctx.fillText(text, x, y);
}

function labels(plot, data, css) {
  const { ctx, bbox: box } = plot, px = ratio();
  ctx.font = `600 ${12 * px}px ${css('sans')}`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'bottom';
  let last = Infinity;
  for (const band of bandsOf(data)) {
    const y = plot.valToPos(band.value, 'y', true), colour = COLOUR[band.severity];
    if (y < box.top + 18 * px || y > box.top + box.height || Math.abs(last - y) < 16 * px) continue;
    last = y;
    halo(ctx, `${WORD[band.severity]} ${NUMERAL[band.severity]}  ${band.value}`, box.left + 6 * px, y - 3 * px, css(`${colour}-ink`), css(`${colour}-soft`));
  }
}

function valueAt(data, at) {
  const values = data.v ?? data.max;
  let best = null;
  data.t.forEach((one, i) => { if (values[i] != null && (best === null || Math.abs(one - at) < Math.abs(data.t[best] - at))) best = i; });
  return best === null ? null : values[best];
}

function bracket(plot, data, css) {
  if (!data.change) return;
  const { ctx, bbox: box } = plot, px = ratio();
  const from = valueAt(data, data.change.from), to = valueAt(data, data.change.to);
  if (from === null || to === null) return;
  const x0 = Math.max(box.left, plot.valToPos(data.change.from, 'x', true)), x1 = plot.valToPos(data.change.to, 'x', true);
  const y0 = plot.valToPos(from, 'y', true), y1 = plot.valToPos(to, 'y', true);
  if (x1 > box.left + box.width + 2 || x1 - x0 < 10 * px) return;
  ctx.strokeStyle = ctx.fillStyle = css('red');
  ctx.lineWidth = 1.5 * px;
  ctx.setLineDash([4 * px, 3 * px]);
  ctx.beginPath(); ctx.moveTo(x0, y0); ctx.lineTo(x1, y0); ctx.stroke();
  ctx.setLineDash([]);
  ctx.lineWidth = 2 * px;
  ctx.beginPath(); ctx.moveTo(x1, y0); ctx.lineTo(x1, y1); ctx.stroke();
  ctx.beginPath(); ctx.arc(x1, y1, 4 * px, 0, 7); ctx.fill();
  ctx.font = `700 ${13 * px}px ${css('sans')}`;
  ctx.textAlign = 'right';
  ctx.textBaseline = 'top';
  const y = Math.min(y0 + 8 * px, box.top + box.height - 20 * px);
  halo(ctx, data.change.text, x1 - 6 * px, y, css('red-ink'), css('surface'));
}

function alertMarks(plot, data, css) {
  const { ctx, bbox: box } = plot, px = ratio(), right = box.left + box.width;
  let next = Infinity;
  for (const alert of [...(data.alerts ?? [])].sort((a, b) => b.t - a.t)) {
    const x = plot.valToPos(alert.t, 'x', true), colour = COLOUR[alert.severity];
    if (x < box.left || x > right + 2) continue;
    const mark = Math.min(x, right - 11 * px, next - 22 * px);
    if (mark < box.left + 10 * px) break;
    next = mark;
    ctx.strokeStyle = css('ink-2');
    ctx.lineWidth = px;
    ctx.setLineDash([3 * px, 3 * px]);
    ctx.beginPath(); ctx.moveTo(x, box.top + 20 * px); ctx.lineTo(x, box.top + box.height); ctx.stroke();
    ctx.setLineDash([]);
    ctx.fillStyle = css(colour);
    ctx.strokeStyle = css('surface');
    ctx.lineWidth = 2 * px;
    ctx.beginPath(); ctx.arc(mark, box.top + 11 * px, 9.5 * px, 0, 7); ctx.fill(); ctx.stroke();
    ctx.fillStyle = css(`on-${colour}`);
    ctx.textAlign = 'center';
    ctx.textBaseline = 'middle';
    ctx.font = `700 ${11 * px}px ${css('sans')}`;
    ctx.fillText(NUMERAL[alert.severity], mark, box.top + 11.5 * px);
  }
}

export function drawMarks(plot, data, css) {
  plot.ctx.save();
  labels(plot, data, css);
  bracket(plot, data, css);
  alertMarks(plot, data, css);
  plot.ctx.restore();
}
