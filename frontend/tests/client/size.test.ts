import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { expect, test } from "vitest";

interface Bundle {
  output: { code: string; imports: string[] }[];
}

const MOST_BYTES = 5 * 1024;

test("the core of the client needs no package and fits into 5 KiB, compressed", async () => {
  const entry = fileURLToPath(new URL("../../src/lib/feed/index.ts", import.meta.url));
  const built = await build({
    configFile: false,
    logLevel: "silent",
    build: {
      write: false,
      minify: true,
      lib: { entry, formats: ["es"] },
      rolldownOptions: { external: /^[^./]/ },
    },
  });
  const [bundle] = [built].flat() as unknown as Bundle[];
  const [chunk] = bundle?.output ?? [];
  expect(chunk?.imports).toEqual([]);
  const bytes = gzipSync(chunk?.code ?? "").length;
  console.log(`core of @curvefeed/client: ${bytes} bytes, minified and compressed`);
  expect(bytes).toBeLessThanOrEqual(MOST_BYTES);
});
