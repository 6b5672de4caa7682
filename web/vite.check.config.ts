/// <reference types="node" />
// The page that checks off certificates, as one file: served by a city, and saved or sent on by whoever trusts no city.
import { readFileSync } from 'node:fs';
import { defineConfig, type Plugin } from 'vite';
import { viteSingleFile } from 'vite-plugin-singlefile';

/** What the file holds of others' work: it travels alone, so their terms travel in it. */
const HELD = ['@noble/ed25519', '@noble/hashes'];

const notices = (): Plugin => ({
  name: 'notices',
  enforce: 'post',
  transformIndexHtml: (html) => {
    const licence = (name: string): string => `${name}\n${readFileSync(`node_modules/${name}/LICENSE`, 'utf8').trim()}\n`;
    const text = `Homeplate, AGPL-3.0-or-later. It holds:\n\n${HELD.map(licence).join('\n')}`;
    return html.replace('<head>', () => `<!--\n${text.replaceAll('--', '- -')}-->\n<head>`);
  },
});

export default defineConfig({
  base: './',
  publicDir: false,
  logLevel: 'warn',
  plugins: [viteSingleFile(), notices()],
  build: {
    outDir: '../crates/pages/assets/dist',
    emptyOutDir: false,
    // It asks for nothing of its own, and has nothing to load ahead.
    modulePreload: false,
    target: 'es2022',
    rolldownOptions: { input: 'check.html' },
  },
});
