// node scripts/compress.mjs FOLDER: beside every text of the exported page its .br and .gz, as small as they get:
// the API sends them as they lie there. Also named `index.html.br` and so on, never asked for by that name.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const [folder = "out"] = process.argv.slice(2);
const TEXTS = /\.(html|js|css|svg|txt|json|webmanifest)$/;
/** Below this one packet holds it anyhow. */
const LEAST_BYTES = 1_000;

for (const name of readdirSync(folder, { recursive: true })) {
  if (!TEXTS.test(name)) continue;
  const path = join(folder, name);
  const text = readFileSync(path);
  if (text.length < LEAST_BYTES) continue;
  const params = { [constants.BROTLI_PARAM_SIZE_HINT]: text.length };
  writeFileSync(`${path}.br`, brotliCompressSync(text, { params }));
  writeFileSync(`${path}.gz`, gzipSync(text, { level: 9 }));
}
