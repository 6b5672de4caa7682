// Sends a file as it is and shows what was understood of it. Nothing is taken by that.

export function start(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>('[data-upload]')) {
    const into = document.getElementById(form.dataset.into ?? '');
    const input = form.querySelector<HTMLInputElement>('input[type=file]');
    const word = document.querySelector<HTMLMetaElement>('meta[name=csrf]')?.content ?? '';
    if (!into || !input) continue;
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const file = input.files?.[0];
      if (!file) return;
      form.setAttribute('aria-busy', 'true');
      fetch(form.dataset.upload ?? '', {
        method: 'POST',
        body: file,
        headers: { 'x-csrf': word, 'content-type': 'application/octet-stream' },
      })
        .then(async (answer) => {
          const part = new DOMParser().parseFromString(await answer.text(), 'text/html');
          into.replaceChildren(...part.body.childNodes);
        })
        .catch(() => {
          const said = Object.assign(document.createElement('p'), { className: 'notice bad', textContent: form.dataset.offline ?? '' });
          into.replaceChildren(said);
        })
        .finally(() => form.removeAttribute('aria-busy'));
    });
  }
}
