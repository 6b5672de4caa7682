// The live preview: htmx sends the form's fields and shows the fragment that comes back.
//
// Nothing in a page is ever run as code: the pages use no `hx-on` and no expressions, and the content
// security policy would stop them (`script-src 'self'`, no `unsafe-eval`).
import htmx from 'htmx.org';

export function start(): void {
  htmx.process(document.body);
}
