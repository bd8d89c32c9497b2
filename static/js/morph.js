// Makes one element like another while keeping what a person is doing in it: what he typed, where
// the cursor is, which details are open, where he has scrolled.
const KEPT_ATTRIBUTES = new Set(['open', 'aria-busy']);

export function morph(old, fresh) {
  copyAttributes(old, fresh);
  if (isField(old)) return syncField(old, fresh);
  const keyed = new Map([...old.children].filter(keyOf).map((child) => [keyOf(child), child]));
  let at = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const match = partner(at, wanted, keyed);
    if (match) {
      if (match !== at) old.insertBefore(match, at);
      if (match.nodeType === Node.ELEMENT_NODE) morph(match, wanted);
      else if (match.data !== wanted.data) match.data = wanted.data;
      at = match.nextSibling;
    } else {
      old.insertBefore(document.importNode(wanted, true), at);
    }
  }
  while (at) { const next = at.nextSibling; at.remove(); at = next; }
}

function keyOf(element) { return element.id || element.dataset?.key || ''; }

function partner(at, wanted, keyed) {
  if (wanted.nodeType !== Node.ELEMENT_NODE) {
    return at && at.nodeType === wanted.nodeType ? at : null;
  }
  const key = keyOf(wanted);
  if (key) {
    const match = keyed.get(key);
    return match && match.nodeName === wanted.nodeName ? match : null;
  }
  const same = at && at.nodeType === Node.ELEMENT_NODE && at.nodeName === wanted.nodeName && !keyOf(at);
  return same ? at : null;
}

function copyAttributes(old, fresh) {
  for (const { name, value } of [...fresh.attributes]) {
    if (!KEPT_ATTRIBUTES.has(name) && !(isField(old) && name === 'value') && old.getAttribute(name) !== value) {
      old.setAttribute(name, value);
    }
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !KEPT_ATTRIBUTES.has(name) && name !== 'style') old.removeAttribute(name);
  }
}

function isField(element) { return /^(INPUT|TEXTAREA|SELECT)$/.test(element.nodeName); }

function isTouched(field) {
  if (field.type === 'checkbox' || field.type === 'radio') return field.checked !== field.defaultChecked;
  if (field.nodeName === 'SELECT') return [...field.options].some((one) => one.selected !== one.defaultSelected && one.selected);
  return field.value !== field.defaultValue;
}

function syncField(field, fresh) {
  if (field === document.activeElement || (field.type !== 'hidden' && isTouched(field))) return;
  if (field.nodeName === 'SELECT') {
    if (field.innerHTML !== fresh.innerHTML) field.innerHTML = fresh.innerHTML;
  } else if (field.type === 'checkbox' || field.type === 'radio') {
    field.checked = field.defaultChecked = fresh.defaultChecked;
  } else {
    field.defaultValue = fresh.defaultValue;
    if (field.type === 'hidden') field.setAttribute('value', fresh.getAttribute('value') ?? '');
    else field.value = fresh.defaultValue;
  }
}
