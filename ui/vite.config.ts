/**
 * How one page is built: `BEZANT_PAGE` names its folder below `src/`, which has a `main.tsx`.
 *
 * Each page is built by itself, so that a page never loads what another one needs, and what a
 * browser runs on it is a short list.
 */
import react from "@vitejs/plugin-react";
import tailwind from "@tailwindcss/vite";
import { existsSync } from "node:fs";
import { defineConfig } from "vite";

const page = process.env["BEZANT_PAGE"] ?? "checkout";
const first = `src/${page}/first.ts`; // What a page does before the rest of it is read.

export default defineConfig({
  base: "/static/",
  plugins: [react(), tailwind()],
  build: {
    target: "es2022",
    outDir: process.env["BEZANT_OUT"] ?? "dist",
    emptyOutDir: false,
    manifest: `${page}.manifest.json`,
    // An image or font written into a style sheet would need `data:` in the policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1_500,
    rolldownOptions: {
      input: {
        [page]: `src/${page}/main.tsx`,
        ...(existsSync(first) ? { [`${page}-first`]: first } : {}),
      },
      output: {
        entryFileNames: "[name]-[hash].js",
        chunkFileNames: `${page}-[name]-[hash].js`,
        assetFileNames: "[name]-[hash][extname]",
      },
    },
  },
});
