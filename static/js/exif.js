// Puts the camera's own notes (time, position, model) of a photo into its smaller copy, which a
// canvas writes without them. The copy is upright already, so its orientation is set to "upright".
const SOI = 0xffd8, APP1 = 0xffe1, SOS = 0xffda, ORIENTATION = 0x0112;

export async function withNotes(original, copy) {
  const notes = notesOf(new DataView(await original.slice(0, 256 * 1024).arrayBuffer()));
  if (!notes) return copy;
  setUpright(notes);
  return new Blob([copy.slice(0, 2), notes, copy.slice(2)], { type: 'image/jpeg' });
}

function notesOf(view) {
  if (view.byteLength < 4 || view.getUint16(0) !== SOI) return null;
  for (let at = 2; at + 10 < view.byteLength;) {
    const marker = view.getUint16(at), length = view.getUint16(at + 2);
    if (marker === SOS || (marker & 0xff00) !== 0xff00) return null;
    const isExif = marker === APP1 && view.getUint32(at + 4) === 0x45786966;
    if (isExif) return at + 2 + length <= view.byteLength ? new Uint8Array(view.buffer.slice(at, at + 2 + length)) : null;
    at += 2 + length;
  }
  return null;
}

function setUpright(notes) {
  const view = new DataView(notes.buffer), start = 10;  // marker, length, "Exif\0\0"
  if (view.byteLength < start + 8) return;
  const little = view.getUint16(start) === 0x4949, first = start + view.getUint32(start + 4, little);
  if (first + 2 > view.byteLength) return;
  const count = view.getUint16(first, little);
  for (let i = 0; i < count; i += 1) {
    const entry = first + 2 + i * 12;
    if (entry + 12 > view.byteLength) return;
    if (view.getUint16(entry, little) === ORIENTATION) view.setUint16(entry + 8, 1, little);
  }
}
