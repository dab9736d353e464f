import { defineConfig } from "tsdown";

/** The page's own sources, as a package: `npm run package` builds it, and packages/client/check.mjs looks at it. */
export default defineConfig({
  entry: { index: "../../src/lib/feed/index.ts", react: "../../src/lib/websocket.ts" },
  tsconfig: "../../tsconfig.json",
  platform: "neutral",
  target: "es2022",
  dts: true,
  fixedExtension: false,
  // Of a page built by Next it is an address; a package has its users' `new Feed({ url })`.
  define: { "process.env.NEXT_PUBLIC_WEBSOCKET_URL": "undefined" },
  deps: { neverBundle: ["react"] },
  // "use client" is preserved: it is the first line of dist/react.js. TypeScript 7 makes the types well.
  suppressWarnings: [/"use client"/, /TypeScript 7\.0 does not yet have a stable API/],
  failOnWarn: true,
});
