// Confirming is possible once all four comparisons are ticked; the server insists on it anyway.
// Keys work while the focus is in the form and not in a field for text: 1 to 4 tick, a letter says what was found.

const FINDINGS: Record<string, string> = { c: 'correct', m: 'misread', s: 'wrong-state', v: 'wrong-vehicle', o: 'stale' };

function keys(form: HTMLFormElement, boxes: HTMLInputElement[]): void {
  form.addEventListener('keydown', (event) => {
    const target = event.target;
    const typing = target instanceof HTMLInputElement && target.type === 'text';
    if (typing || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    const box = boxes[Number(event.key) - 1];
    if (box) {
      event.preventDefault();
      box.click();
      return;
    }
    const finding = FINDINGS[event.key.toLowerCase()];
    const button = finding && form.querySelector<HTMLButtonElement>(`[value="${finding}"]`);
    if (button && !button.disabled) {
      event.preventDefault();
      form.requestSubmit(button);
    }
  });
}

export function start(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>('[data-verdict]')) {
    const boxes = [...form.querySelectorAll<HTMLInputElement>('input[type=checkbox]')];
    const typed = form.querySelector<HTMLInputElement>('[name=typed]');
    const confirm = form.querySelector<HTMLButtonElement>('[value=correct]');
    const why = form.querySelector<HTMLElement>('[data-left]');
    if (!confirm || !why) continue;
    const update = () => {
      const left = boxes.filter((b) => !b.checked).length;
      confirm.disabled = left > 0 || typed?.value.trim() === '';
      const words = left > 0 ? why.dataset.left : why.dataset.done;
      why.textContent = (words ?? '').replace('{n}', String(left));
    };
    for (const box of boxes) box.addEventListener('change', update);
    typed?.addEventListener('input', update);
    keys(form, boxes);
    update();
    // Whoever opens a hit compares it next; nothing is scrolled for it.
    boxes[0]?.focus({ preventScroll: true });
  }
}
