// Photos on their way: made smaller on the phone, each under its own key, so that sending one
// twice stores it once; a failed one stays in the list and can be sent again.
import { withNotes } from './exif.js';

const LONGEST_SIDE_PX = 1600;
const QUALITY = 0.82;
const SMALL_ENOUGH_BYTES = 700_000;

export function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));  // plain http has no randomUUID
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

// The original's digest and time travel beside the smaller copy.
async function digest(file) {
  if (!crypto.subtle) return '';
  const hash = await crypto.subtle.digest('SHA-256', await file.arrayBuffer());
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export async function smaller(file) {
  if (file.size <= SMALL_ENOUGH_BYTES) return file;
  let picture;
  try { picture = await createImageBitmap(file, { imageOrientation: 'from-image' }); } catch { return file; }  // HEIC: the server opens it
  const scale = Math.min(1, LONGEST_SIDE_PX / Math.max(picture.width, picture.height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  canvas.getContext('2d').drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  const blob = await new Promise((done) => canvas.toBlob(done, 'image/jpeg', QUALITY));
  return blob && blob.size < file.size ? withNotes(file, blob) : file;
}

function row(list, file, words) {
  const item = document.createElement('li'), picture = document.createElement('img');
  const middle = document.createElement('div'), state = document.createElement('span');
  const bar = document.createElement('progress'), retry = document.createElement('button');
  picture.alt = '';
  picture.src = URL.createObjectURL(file);
  picture.addEventListener('error', () => { picture.style.visibility = 'hidden'; });
  const name = document.createElement('b');
  name.textContent = file.name;
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute('aria-label', file.name);
  state.textContent = words.waiting;
  retry.type = 'button';
  retry.className = 'btn sm';
  retry.textContent = words.retry;
  retry.hidden = true;
  middle.append(name, ' ', state, bar);
  item.append(picture, middle, retry);
  list.append(item);
  return { item, bar, state, retry };
}

// XMLHttpRequest, because fetch tells nothing about the progress of an upload.
// The same photo again would be refused again.
const REFUSED = new Set([400, 413, 415, 422]);

function post(form, field, photo, shown) {
  return new Promise((done) => {
    const body = new FormData(form), request = new XMLHttpRequest();
    body.delete(field.name);
    body.append(field.name, photo.body, photo.body.type === 'image/jpeg' ? photo.name.replace(/\.\w+$/, '.jpg') : photo.name);
    body.set('sha256', photo.sha256);
    body.set('file_modified_at', new Date(photo.modified).toISOString());
    body.set('idempotency_key', photo.key);
    request.open('POST', form.action);
    request.setRequestHeader('Accept', 'application/json');
    request.setRequestHeader('Idempotency-Key', photo.key);
    request.upload.addEventListener('progress', (event) => { if (event.lengthComputable) shown.bar.value = event.loaded / event.total; });
    request.addEventListener('loadend', () => done(request));
    request.send(body);
  });
}

async function send(form, field, photo, shown, words) {
  shown.retry.hidden = true;
  shown.item.classList.remove('failed');
  shown.state.textContent = words.sending;
  const answer = await post(form, field, photo, shown);
  if (answer.status >= 200 && answer.status < 300) {
    shown.bar.value = 1;
    shown.state.textContent = words.sent;
    return true;
  }
  let why = '';
  try { const told = JSON.parse(answer.responseText); why = told.errors?.[0]?.text ?? told.detail ?? ''; } catch { /* no answer, or no JSON */ }
  shown.item.classList.add('failed');
  shown.state.textContent = why ? words.failed + words.colon + why : words.failed;
  shown.retry.hidden = REFUSED.has(answer.status);
  shown.retry.onclick = () => send(form, field, photo, shown, words).then((sent) => { if (sent) document.dispatchEvent(new CustomEvent('photosent')); });
  return false;
}

async function sendAll(form, field) {
  const words = JSON.parse(form.dataset.words), list = form.querySelector('.photo-queue');
  const waiting = [...field.files].map((file) => ({ file, shown: row(list, file, words) }));
  field.value = '';
  let sent = 0;
  for (const { file, shown } of waiting) {
    const photo = { key: newKey(), name: file.name, modified: file.lastModified, sha256: await digest(file), body: form.elements.originals?.checked ? file : await smaller(file) };
    if (await send(form, field, photo, shown, words)) sent += 1;
  }
  if (sent && sent === waiting.length) location.reload();  // the page shows them as the server keeps them
}

export function start() {
  // On the document: a live page may put another form in the place of the first.
  document.addEventListener('change', ({ target }) => {
    if (target.type === 'file' && target.files.length && target.closest('form[data-photos]')) sendAll(target.form, target);
  });
  for (const field of document.querySelectorAll('form[data-photos] input[type="file"]')) {
    if (field.files.length) sendAll(field.form, field);  // chosen before this script came
  }
}
