// A search field above a long list of boxes or lines: hides what does not fit, says how many are left.

const plain = (text: string) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

// What is folded away, forms for instance, names what a line might become and not what it is.
const words = (line: HTMLElement) => {
  const copy = line.cloneNode(true) as HTMLElement;
  for (const folded of copy.querySelectorAll('details')) folded.remove();
  return plain(copy.textContent ?? '');
};

export function start(): void {
  for (const field of document.querySelectorAll<HTMLInputElement>('[data-filter]')) {
    const list = document.getElementById(field.dataset.filter ?? '');
    const told = document.getElementById(`${field.id}-told`);
    if (!list) continue;
    const lines = [...list.querySelectorAll<HTMLElement>('[data-line]')];
    const said = lines.map(words);
    const update = () => {
      const wanted = plain(field.value).split(/\s+/).filter(Boolean);
      let left = 0;
      lines.forEach((line, i) => {
        // A ticked box stays in sight: nobody should send what they do not see.
        const ticked = line.querySelector<HTMLInputElement>('input')?.checked ?? false;
        const fits = wanted.every((word) => said[i]?.includes(word));
        line.hidden = !fits && !ticked;
        if (fits) left += 1;
      });
      if (told) told.textContent = field.value ? (told.dataset.told ?? '').replace('{n}', String(left)) : '';
    };
    field.closest<HTMLElement>('[data-script]')?.removeAttribute('hidden');
    field.addEventListener('input', update);
    // Enter in a search field must not send the form around it.
    field.addEventListener('keydown', (e) => {
      if (e.key === 'Enter') e.preventDefault();
    });
  }
}
