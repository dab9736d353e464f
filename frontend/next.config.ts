import type { NextConfig } from "next";
import { PHASE_DEVELOPMENT_SERVER } from "next/constants";

const shared: NextConfig = {
  images: { unoptimized: true },
  // `npm run typecheck` does it; the build of a start must be quick.
  typescript: { ignoreBuildErrors: true },
  poweredByHeader: false,
  // Always replaced by its value, so that where it is not set the bundler drops what hangs on it: the burner wallet.
  env: { NEXT_PUBLIC_BURNER: process.env.NEXT_PUBLIC_BURNER ?? "" },
};

/** What `npm run dev` serves beside the pages: the API of a `./run` on this machine. */
const API = process.env.API_URL ?? "http://127.0.0.1:8001";

/** In the browser Preact stands for React: src/preact/react.js. */
const PREACT = {
  react: { browser: "./src/preact/react.js" },
  "react/jsx-runtime": { browser: "preact/jsx-runtime" },
  "react-dom": { browser: "preact/compat" },
  "react-dom/client": { browser: "./src/preact/client.js" },
};

export default function config(phase: string): NextConfig {
  if (phase === PHASE_DEVELOPMENT_SERVER) {
    const rewrites = async () => [{ source: "/api/:path*", destination: `${API}/api/:path*` }];
    return { ...shared, rewrites };
  }
  // A folder of plain files, trade/index.html for /trade/: the API serves it, no Node runs beside it.
  return { ...shared, output: "export", trailingSlash: true, turbopack: { resolveAlias: PREACT } };
}
