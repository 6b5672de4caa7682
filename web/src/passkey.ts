// Passkeys: sign in with one, make one, or put one under a question or a signature.
//
// The server says what is signed; this passes it to the browser and the browser's answer back. Without
// scripts the pages offer the other way in, a one-time link.

import { type Json, Told, post } from './post';

const bytes = (text: string): ArrayBuffer => {
  const plain = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
  const out = new Uint8Array(plain.length);
  for (let i = 0; i < plain.length; i += 1) out[i] = plain.charCodeAt(i);
  return out.buffer;
};

const text = (buffer: ArrayBuffer): string => {
  let plain = '';
  for (const byte of new Uint8Array(buffer)) plain += String.fromCharCode(byte);
  return btoa(plain).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
};

/** Browsers know how to read these options; for those that do not yet, the few fields by hand. */
function requestOptions(json: PublicKeyCredentialRequestOptionsJSON): PublicKeyCredentialRequestOptions {
  if (typeof PublicKeyCredential.parseRequestOptionsFromJSON === 'function') {
    return PublicKeyCredential.parseRequestOptionsFromJSON(json);
  }
  // Extensions are left out: this console asks for none.
  const { extensions: _, ...plain } = json;
  const allow = (json.allowCredentials ?? []).map((c) => ({ ...c, id: bytes(c.id) }));
  return { ...plain, challenge: bytes(json.challenge), allowCredentials: allow } as PublicKeyCredentialRequestOptions;
}

function creationOptions(json: PublicKeyCredentialCreationOptionsJSON): PublicKeyCredentialCreationOptions {
  if (typeof PublicKeyCredential.parseCreationOptionsFromJSON === 'function') {
    return PublicKeyCredential.parseCreationOptionsFromJSON(json);
  }
  const { extensions: _, ...plain } = json;
  const exclude = (json.excludeCredentials ?? []).map((c) => ({ ...c, id: bytes(c.id) }));
  return {
    ...plain,
    challenge: bytes(json.challenge),
    user: { ...json.user, id: bytes(json.user.id) },
    excludeCredentials: exclude,
  } as PublicKeyCredentialCreationOptions;
}

/** What the browser made, as JSON with base64url for bytes. */
function credentialJson(made: PublicKeyCredential): Json {
  if (typeof made.toJSON === 'function') return { ...made.toJSON() };
  const shared = { id: made.id, rawId: text(made.rawId), type: made.type, clientExtensionResults: made.getClientExtensionResults() };
  const answer = made.response;
  const response: Json = { clientDataJSON: text(answer.clientDataJSON) };
  if (answer instanceof AuthenticatorAttestationResponse) {
    response.attestationObject = text(answer.attestationObject);
    response.transports = answer.getTransports?.() ?? [];
  } else if (answer instanceof AuthenticatorAssertionResponse) {
    response.authenticatorData = text(answer.authenticatorData);
    response.signature = text(answer.signature);
    if (answer.userHandle) response.userHandle = text(answer.userHandle);
  }
  return { ...shared, response };
}

/** The options may come bare or, as WebAuthn libraries send them, below `publicKey`. */
function inner<T>(json: Json): T {
  return (json.publicKey ?? json) as T;
}

async function assertion(path: string, body: unknown): Promise<Json> {
  return answered(await post(path, body));
}

async function answered(begun: Json): Promise<Json> {
  const options = inner<PublicKeyCredentialRequestOptionsJSON>(begun);
  const got = await navigator.credentials.get({ publicKey: requestOptions(options) });
  if (!(got instanceof PublicKeyCredential)) throw new Told('cancelled');
  return credentialJson(got);
}

async function attestation(path: string, body: unknown): Promise<Json> {
  const options = inner<PublicKeyCredentialCreationOptionsJSON>(await post(path, body));
  const made = await navigator.credentials.create({ publicKey: creationOptions(options) });
  if (!(made instanceof PublicKeyCredential)) throw new Told('cancelled');
  return credentialJson(made);
}

/** Runs one attempt and says in the page's words how it went. */
async function attempt(from: HTMLElement, work: () => Promise<void>): Promise<void> {
  const status = document.getElementById(from.dataset.status ?? 'passkey-status');
  const say = (word: string, more = '') => {
    if (!status) return;
    status.hidden = false;
    status.dataset.state = word === 'working' ? 'working' : 'failed';
    status.textContent = more || (status.getAttribute(`data-${word}`) ?? '');
  };
  if (!window.isSecureContext || typeof PublicKeyCredential === 'undefined') {
    say('unsupported');
    return;
  }
  from.setAttribute('aria-busy', 'true');
  say('working');
  try {
    await work();
  } catch (e) {
    if (e instanceof Told) say(e.word, e.message);
    else if (e instanceof DOMException && e.name === 'NotAllowedError') say('cancelled');
    else if (e instanceof DOMException && e.name === 'InvalidStateError') say('known');
    else say('failed');
  } finally {
    from.removeAttribute('aria-busy');
  }
}

function follow(done: Json): void {
  const to = typeof done.location === 'string' ? done.location : '/console';
  // Within this console only, whatever the answer says.
  const url = new URL(to, location.origin);
  if (url.origin !== location.origin) throw new Told('failed');
  location.assign(url);
}

const fields = (form: HTMLFormElement, more: Record<string, string>): Json => {
  const out: Record<string, string | string[]> = {};
  for (const [name, value] of new FormData(form)) {
    if (typeof value !== 'string' || name === 'assertion') continue;
    const before = out[name];
    out[name] = before === undefined ? value : [before, value].flat();
  }
  return { ...out, ...more };
};

function onButton(button: HTMLElement, work: (form: HTMLFormElement | null) => Promise<void>): void {
  button.addEventListener('click', (e) => {
    e.preventDefault();
    const form = button.closest('form');
    if (form && !form.reportValidity()) return;
    if (button.getAttribute('aria-busy') !== 'true') void attempt(button, () => work(form));
  });
}

function onForm(form: HTMLFormElement): void {
  form.addEventListener('submit', (e) => {
    const button = e.submitter instanceof HTMLButtonElement ? e.submitter : null;
    // Only what the form is for needs a key; a preview, for instance, does not.
    if (button?.hasAttribute('formaction')) return;
    e.preventDefault();
    if (form.getAttribute('aria-busy') === 'true') return;
    // Without passkeys the form goes as it is; the server says whether it needs one.
    if (form.dataset.optional !== undefined && typeof PublicKeyCredential === 'undefined') return form.submit();
    void attempt(form, async () => {
      const chosen = button?.name ? { [button.name]: button.value } : {};
      const begun = await post('/console/passkey/confirm/start', fields(form, { ...chosen, what: form.dataset.what ?? '' }));
      const hidden = form.querySelector<HTMLInputElement>('input[name=assertion]');
      if (!hidden) throw new Told('failed');
      // Not everything that a form can say has to be confirmed.
      hidden.value = begun.needless === true ? '' : JSON.stringify(await answered(begun));
      // `submit()` leaves the button out that was pressed; its value goes along by hand.
      if (button?.name) {
        const input = document.createElement('input');
        Object.assign(input, { type: 'hidden', name: button.name, value: button.value });
        form.append(input);
      }
      form.submit();
    });
  });
}

export function start(): void {
  for (const element of document.querySelectorAll<HTMLElement>('[data-passkey]')) {
    const what = element.dataset.passkey;
    if (what === 'signin') {
      onButton(element, async () => {
        const got = await assertion('/console/passkey/signin/start', {});
        const done = await post('/console/passkey/signin/finish', got);
        // Who came by a link to a page, for instance of a hit, comes to it.
        const here = /^\/console\/(hits\/hit_[0-9a-f]{32}|notify(\/confirm\/[0-9a-f]{32})?)$/.test(location.pathname);
        follow(here ? { location: location.pathname + location.search } : done);
      });
    } else if (what === 'register') {
      onButton(element, async (form) => {
        const said = form ? fields(form, {}) : {};
        const made = await attestation('/console/passkey/register/start', said);
        follow(await post('/console/passkey/register/finish', { ...said, credential: made }));
      });
    } else if (what === 'confirm' && element instanceof HTMLFormElement) {
      onForm(element);
    }
  }
}
