// What is typed into a form outlives a closed tab, an ended session and a lost signal. It stays on
// this device, for this page, until the form has been taken or two days have passed.
const PREFIX = 'rw-draft ';
const KEEP_MS = 2 * 86_400_000;
const SENT = 'rw-sent';
const words = JSON.parse(document.documentElement.dataset.words);

const store = {
  read(key) { try { return JSON.parse(localStorage.getItem(key)); } catch { return null; } },
  write(key, value) { try { localStorage.setItem(key, JSON.stringify(value)); } catch { /* full, or private */ } },
  drop(key) { try { localStorage.removeItem(key); } catch { /* private */ } },
};

// `data-draft` may name what the form is about, where the address alone does not tell it.
const keyOf = (form) => `${PREFIX}${location.pathname} ${new URL(form.action, location.href).pathname} ${form.id || form.dataset.draft}`;

function fields(form) {
  return [...form.elements].filter((field) => field.name && (isDrawn(field) || !['hidden', 'password', 'file', 'submit', 'button'].includes(field.type)));
}

// A hidden field that a person fills by a tap, such as a place on a drawing; empty until then.
const isDrawn = (field) => field.type === 'hidden' && 'keep' in field.dataset;

function isPristine(field) {
  if (isDrawn(field)) return field.value === '';
  if (field.type === 'checkbox' || field.type === 'radio') return field.checked === field.defaultChecked;
  if (field.nodeName === 'SELECT') return ![...field.options].some((one) => one.selected && !one.defaultSelected) ;
  return field.value === field.defaultValue;
}

function keep(form) {
  const values = fields(form).map((field) => [field.name, ['checkbox', 'radio'].includes(field.type) ? (field.checked ? field.value : null) : field.value]);
  store.write(keyOf(form), { at: Date.now(), values });
}

function restore(form) {
  const draft = store.read(keyOf(form));
  if (!draft) return;
  const refused = document.querySelector('[data-focus]');
  if (Date.now() - draft.at > KEEP_MS || refused) { if (!refused) store.drop(keyOf(form)); return; }
  let changed = false;
  const left = [...draft.values];
  for (const field of fields(form)) {
    const at = left.findIndex(([name, value]) => name === field.name && (!['checkbox', 'radio'].includes(field.type) || value === null || value === field.value));
    if (at < 0) continue;
    const [[, value]] = left.splice(at, 1);
    if (['checkbox', 'radio'].includes(field.type)) { if (field.checked !== (value !== null)) { field.checked = value !== null; changed = true; } }
    else if (field.value !== value) { field.value = value; changed = true; }
  }
  if (!changed) return;
  form.dispatchEvent(new CustomEvent('draftrestored'));
  tell(form);
}

function tell(form) {
  const note = document.createElement('p'), button = document.createElement('button');
  note.className = 'kept';
  note.setAttribute('role', 'status');
  note.textContent = words.restored;
  button.type = 'button';
  button.className = 'btn sm';
  button.textContent = words.discard;
  button.addEventListener('click', () => { form.reset(); store.drop(keyOf(form)); note.remove(); });
  note.append(button);
  form.prepend(note);
}

// A draft goes when the page that the submit led to is no refusal: then the form has been taken.
// Whoever comes back to the form, or opens it anew, was led there by no submit: the signal was lost.
function dropTaken() {
  let sent = null;
  try { sent = JSON.parse(sessionStorage.getItem(SENT)); sessionStorage.removeItem(SENT); } catch { /* private */ }
  if (!sent || document.querySelector('[data-focus], input[name="again_to"]')) return;
  const isBack = performance.getEntriesByType('navigation')[0]?.type === 'back_forward';
  if (!isBack && document.referrer === sent.from) store.drop(sent.key);
}

dropTaken();
for (const form of document.querySelectorAll('form[data-draft]')) {
  restore(form);
  form.addEventListener('input', () => { if (fields(form).some((field) => !isPristine(field))) keep(form); });
  form.addEventListener('submit', () => { keep(form); try { sessionStorage.setItem(SENT, JSON.stringify({ key: keyOf(form), from: location.href.split('#')[0] })); } catch { /* private */ } });
}
