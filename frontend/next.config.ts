import type { NextConfig } from "next";

const config: NextConfig = {
  // A folder of plain files: the API serves it, no Node runs beside it.
  output: "export",
  // trade/index.html, which every static file server finds under /trade/.
  trailingSlash: true,
  images: { unoptimized: true },
  // `npm run typecheck` does it; the build of a start must be quick.
  typescript: { ignoreBuildErrors: true },
  poweredByHeader: false,
};

export default config;
