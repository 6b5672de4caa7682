// Confirming is possible once all four comparisons are ticked; the server insists on it anyway.

export function start(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>('[data-verdict]')) {
    const boxes = [...form.querySelectorAll<HTMLInputElement>('input[type=checkbox]')];
    const confirm = form.querySelector<HTMLButtonElement>('[value=confirmed]');
    const why = form.querySelector<HTMLElement>('[data-left]');
    if (!confirm || !why) continue;
    const update = () => {
      const left = boxes.filter((b) => !b.checked).length;
      confirm.disabled = left > 0;
      const words = left > 0 ? why.dataset.left : why.dataset.done;
      why.textContent = (words ?? '').replace('{n}', String(left));
    };
    for (const box of boxes) box.addEventListener('change', update);
    update();
  }
}
