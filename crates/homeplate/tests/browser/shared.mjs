// What the scripts that drive a browser share: the browser, a person who came by a link, a software passkey, pictures.
import { chromium } from 'playwright-core';

export const DESKTOP = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

/** Debian's chromium, quiet; without a graphics card unless `more` says how it draws. */
export const launch = (more = ['--disable-gpu']) =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', ...more],
  });

/** A tab of its own; what its page throws goes to `complaints`, and what the console says where `heard` wants it. */
export async function opened(browser, complaints, { heard = () => false, ...context } = {}) {
  const tab = await (await browser.newContext({ viewport: DESKTOP, ...context })).newPage();
  tab.on('pageerror', (e) => complaints.push(String(e)));
  tab.on('console', (m) => { if (heard(m)) complaints.push(m.text()); });
  return tab;
}

/** Takes a one-time link as a person does. */
export async function enter(tab, link) {
  await tab.goto(link);
  await tab.getByRole('button', { name: 'Open the console' }).click();
  await tab.waitForURL((url) => !url.pathname.includes('/enter'));
  return tab;
}

/** A key in the tab's browser that asks who somebody is (WebAuthn's virtual authenticator). */
export async function keyed(tab) {
  const wire = await tab.context().newCDPSession(tab);
  await wire.send('WebAuthn.enable');
  const options = { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true };
  const { authenticatorId } = await wire.send('WebAuthn.addVirtualAuthenticator', { options });
  return { wire, authenticatorId };
}

/** Makes the passkey that an invitation is for. */
export async function register(tab, address) {
  await tab.goto(address);
  await tab.getByLabel('Name of this passkey').fill('key');
  await tab.getByRole('button', { name: 'Make the passkey' }).click();
  await tab.waitForURL((url) => !url.pathname.includes('/join'));
}

/** The page at both sizes, as files in `shots`. */
export async function pictures(tab, shots, name) {
  for (const [size, viewport] of [['phone', PHONE], ['desktop', DESKTOP]]) {
    await tab.setViewportSize(viewport);
    await tab.screenshot({ path: `${shots}/${name}-${size}.png`, fullPage: true });
  }
}
