// "Life in danger" changes what the button says, so that nobody breaks the glass by habit.

export function start(): void {
  for (const box of document.querySelectorAll<HTMLInputElement>('[data-breakglass]')) {
    const button = document.getElementById(box.dataset.breakglass ?? '');
    if (!button) continue;
    const usual = button.textContent;
    const update = () => {
      button.textContent = (box.checked ? button.dataset.danger : usual) ?? usual;
      button.classList.toggle('danger', box.checked);
    };
    box.addEventListener('change', update);
    update();
  }
}
