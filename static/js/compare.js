// Two photos of one place under a slider; arrow keys move it, too.
export function start(root) {
  for (const box of root.querySelectorAll('[data-compare]')) {
    const slider = box.querySelector('input');
    const show = () => box.style.setProperty('--pos', `${slider.value}%`);
    slider.addEventListener('input', show);
    show();
  }
}
