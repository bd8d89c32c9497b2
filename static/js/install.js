// The technician's phone: read a label with the camera where the browser can, and take a tap on a
// drawing as the place of a pin. Without either, a text field and the list of places do.

const scan = document.querySelector('[data-scan]');
const scanner = document.querySelector('[data-scanner]');

if (scan && 'BarcodeDetector' in window && navigator.mediaDevices?.getUserMedia) {
  scan.hidden = false;
  scan.addEventListener('click', look);
}

async function look() {
  const video = scanner.querySelector('video'), says = scanner.querySelector('[data-scan-says]');
  scanner.hidden = false;
  says.textContent = says.dataset.looking;
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
  } catch {
    says.textContent = says.dataset.denied;
    return;
  }
  const stop = () => { stream.getTracks().forEach((track) => track.stop()); scanner.hidden = true; };
  scanner.querySelector('[data-scan-stop]').addEventListener('click', stop, { once: true });
  addEventListener('pagehide', stop, { once: true });
  video.srcObject = stream;
  await video.play();
  const detector = new BarcodeDetector();
  const turn = async () => {
    if (scanner.hidden) return;
    const [code] = await detector.detect(video).catch(() => []);
    if (!code?.rawValue) { setTimeout(turn, 200); return; }
    stop();
    document.getElementById('f-label').value = code.rawValue;
    document.getElementById('label-form').requestSubmit();
  };
  turn();
}

function mark(field, x, y) {
  const svg = field.querySelector('svg'), box = svg.viewBox.baseVal, pin = field.querySelector('[data-pin-mark]');
  for (const other of document.querySelectorAll('[data-pin-mark]')) other.setAttribute('visibility', 'hidden');
  pin.setAttribute('transform', `translate(${x * box.width} ${y * box.height})`);
  pin.setAttribute('visibility', 'visible');
  document.querySelector('[data-pin-drawing]').value = field.dataset.pin;
  document.querySelector('[data-pin-x]').value = x.toFixed(4);
  document.querySelector('[data-pin-y]').value = y.toFixed(4);
}

function markAgain() {
  const [drawing, x, y] = ['drawing', 'x', 'y'].map((name) => document.querySelector(`[data-pin-${name}]`).value);
  for (const field of document.querySelectorAll('[data-pin]')) {
    if (drawing === field.dataset.pin && x && y) mark(field, Number(x), Number(y));
  }
}

function unmark() {
  for (const pin of document.querySelectorAll('[data-pin-mark]')) pin.setAttribute('visibility', 'hidden');
  for (const name of ['drawing', 'x', 'y']) document.querySelector(`[data-pin-${name}]`).value = '';
}

for (const field of document.querySelectorAll('[data-pin]')) {
  field.querySelector('svg').addEventListener('click', (event) => {
    const frame = event.currentTarget.getBoundingClientRect();
    mark(field, (event.clientX - frame.left) / frame.width, (event.clientY - frame.top) / frame.height);
    field.dispatchEvent(new Event('input', { bubbles: true }));  // the form's draft keeps it
  });
}

const form = document.querySelector('[data-pin-drawing]')?.form;
if (form) {
  markAgain();
  form.addEventListener('draftrestored', markAgain);
  form.addEventListener('reset', unmark);
}
