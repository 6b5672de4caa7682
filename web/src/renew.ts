// Goes on after a session has ended: whoever has signed in again in another tab lets the page take over the word of the
// new session, and what is written on it stays.

/** A page that everybody who is signed in may open. */
const OPEN = '/console/passkey';

/** An answer that takes so many milliseconds does not come any more. */
const PATIENCE = 30_000;

const word = (page: Document) => page.querySelector<HTMLMetaElement>('meta[name=csrf]');
const who = (page: Document) => page.querySelector('.who strong')?.textContent ?? '';

/** Tries it; says how it went, by the button's own texts. */
async function renewed(): Promise<'done' | 'not' | 'other' | 'offline'> {
  let page: Document;
  try {
    const answer = await fetch(OPEN, { headers: { accept: 'text/html' }, signal: AbortSignal.timeout(PATIENCE) });
    page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  } catch {
    return 'offline';
  }
  const fresh = word(page)?.content ?? '';
  const here = word(document);
  if (!fresh || !here || !who(page)) return 'not';
  // What one person has written is not sent in the name of another.
  if (who(page) !== who(document)) return 'other';
  here.content = fresh;
  document.querySelectorAll<HTMLInputElement>('input[name=csrf]').forEach((input) => (input.value = fresh));
  return 'done';
}

export function start(): void {
  document.addEventListener('click', (event) => {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-renew]') : null;
    if (!button) return;
    const said = button.closest('.notice')?.querySelector('[role=status]');
    void renewed().then((how) => {
      if (said) said.textContent = button.dataset[how] ?? '';
      // A form that is looked at while it is written is looked at again.
      if (how === 'done') button.closest('form')?.dispatchEvent(new Event('change', { bubbles: true }));
    });
  });
}
