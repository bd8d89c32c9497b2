// Light or dark at once, without leaving the page; without this script the form does the same.
const root = document.documentElement;
const isDark = () => root.dataset.theme
  ? root.dataset.theme === 'dark'
  : matchMedia('(prefers-color-scheme: dark)').matches;

function label() {
  for (const button of document.querySelectorAll('[data-theme-toggle]')) {
    button.value = isDark() ? 'light' : 'dark';
    button.querySelector('.theme-word').textContent = isDark() ? button.dataset.light : button.dataset.dark;
  }
}

document.addEventListener('click', (event) => {
  const button = event.target.closest('[data-theme-toggle]');
  if (!button) return;
  event.preventDefault();
  root.dataset.theme = isDark() ? 'light' : 'dark';
  const secure = location.protocol === 'https:' ? '; Secure' : '';
  document.cookie = `rw_theme=${root.dataset.theme}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
  label();
  document.dispatchEvent(new CustomEvent('themechange'));
});

label();
