// Buttons that copy what stands beside them; shown only where copying works.

export function start(): void {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll<HTMLButtonElement>('[data-copy]')) {
    const from = document.getElementById(button.dataset.copy ?? '');
    if (!from) continue;
    button.hidden = false;
    const usual = button.textContent;
    button.addEventListener('click', () => {
      void navigator.clipboard.writeText(from.textContent ?? '').then(() => {
        button.textContent = button.dataset.done ?? usual;
        setTimeout(() => (button.textContent = usual), 2000);
      });
    });
  }
}
