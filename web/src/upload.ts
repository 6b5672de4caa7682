// Sends a file as it is and shows what was understood of it. Nothing is taken by that.

export function start(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>('[data-upload]')) {
    const into = document.getElementById(form.dataset.into ?? '');
    const input = form.querySelector<HTMLInputElement>('input[type=file]');
    if (!into || !input) continue;
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const file = input.files?.[0];
      if (!file) return;
      // A page may go on with another session than it began with.
      const word = document.querySelector<HTMLMetaElement>('meta[name=csrf]')?.content ?? '';
      form.setAttribute('aria-busy', 'true');
      fetch(form.dataset.upload ?? '', {
        method: 'POST',
        body: file,
        headers: { 'x-csrf': word, 'hx-request': 'true', 'content-type': 'application/octet-stream' },
      })
        .then(async (answer) => {
          const part = new DOMParser().parseFromString(await answer.text(), 'text/html');
          // Where a whole page answers, what it says.
          into.replaceChildren(...(part.querySelector('main') ?? part.body).childNodes);
        })
        .catch(() => {
          const said = Object.assign(document.createElement('p'), { className: 'notice bad', textContent: form.dataset.offline ?? '' });
          into.replaceChildren(said);
        })
        .finally(() => form.removeAttribute('aria-busy'));
    });
  }
}
