// Sends a form once: a second press while the first is on its way would act twice, or be told that somebody else did.

/** After so many milliseconds without an answer the same form may be sent again: it may have been stopped, or got lost. */
const AGAIN = 10_000;

export function start(): void {
  const sent = new WeakMap<HTMLFormElement, number>();
  document.addEventListener('submit', (event) => {
    const form = event.target;
    // What a script sends itself, it also keeps from being sent twice.
    if (event.defaultPrevented || !(form instanceof HTMLFormElement) || form.method !== 'post') return;
    const now = performance.now();
    if (now - (sent.get(form) ?? -AGAIN) < AGAIN) event.preventDefault();
    else sent.set(form, now);
  });
  // A page that the browser kept is shown again as it was left.
  window.addEventListener('pageshow', (event) => {
    if (event.persisted) document.querySelectorAll('form').forEach((form) => sent.delete(form));
  });
}
