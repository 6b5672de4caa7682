// Islands and the stylesheet, into `crates/pages/assets/dist/`, each name with a hash of its content.
import { defineConfig } from 'vite';

export default defineConfig({
  base: '/assets/',
  publicDir: false,
  logLevel: 'warn',
  build: {
    outDir: '../crates/pages/assets/dist',
    emptyOutDir: true,
    assetsDir: '',
    manifest: 'manifest.json',
    modulePreload: false,
    // The content security policy takes nothing inlined.
    assetsInlineLimit: 0,
    target: 'es2022',
    rolldownOptions: {
      input: { style: 'src/style.css', app: 'src/app.ts', street: 'src/street.ts', sw: 'src/sw.ts' },
      output: {
        entryFileNames: '[name]-[hash].js',
        chunkFileNames: '[name]-[hash].js',
        assetFileNames: '[name]-[hash][extname]',
      },
    },
  },
});
