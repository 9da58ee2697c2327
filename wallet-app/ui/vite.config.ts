import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// One script and one style, nothing inline: the content security policy of every host forbids it. `--mode app` builds for the application,
// everything else for the bridge.
export default defineConfig(({ mode }) => ({
  plugins: [svelte()],
  resolve: {
    alias: { "#transport": mode === "app" ? "/src/backend/app.ts" : "/src/backend/bridge.ts" },
  },
  build: {
    outDir: mode === "app" ? "dist-app" : "dist",
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: false,
    cssCodeSplit: false,
    reportCompressedSize: false,
  },
}));
