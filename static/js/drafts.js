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

const keyOf = (form) => `${PREFIX}${location.pathname} ${new URL(form.action, location.href).pathname} ${form.id}`;

function fields(form) {
  return [...form.elements].filter((field) => field.name && !['hidden', 'password', 'file', 'submit', 'button'].includes(field.type));
}

function isPristine(field) {
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
  if (changed) tell(form);
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

// A draft goes when the page after the submit is no refusal: then the form has been taken.
function dropTaken() {
  let sent = null;
  try { sent = sessionStorage.getItem(SENT); sessionStorage.removeItem(SENT); } catch { /* private */ }
  const kept = document.querySelector('[data-focus], input[name="again_to"]');
  if (sent && !kept) store.drop(sent);
}

dropTaken();
for (const form of document.querySelectorAll('form[data-draft]')) {
  restore(form);
  form.addEventListener('input', () => { if (fields(form).some((field) => !isPristine(field))) keep(form); });
  form.addEventListener('submit', () => { keep(form); try { sessionStorage.setItem(SENT, keyOf(form)); } catch { /* private */ } });
}
