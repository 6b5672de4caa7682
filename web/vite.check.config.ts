// The page that checks off certificates, as one file: served by a city, and saved or sent on by whoever trusts no city.
import { defineConfig } from 'vite';
import { viteSingleFile } from 'vite-plugin-singlefile';

export default defineConfig({
  base: './',
  publicDir: false,
  logLevel: 'warn',
  plugins: [viteSingleFile()],
  build: {
    outDir: '../crates/pages/assets/dist',
    emptyOutDir: false,
    // It asks for nothing of its own, and has nothing to load ahead.
    modulePreload: false,
    target: 'es2022',
    rolldownOptions: { input: 'check.html' },
  },
});
