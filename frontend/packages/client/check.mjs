// What publint and "Are the types wrong?" say of the packed package: anything at all is a failure.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

const ROOT = fileURLToPath(new URL(".", import.meta.url));
// The package is for `import` and bundlers: `require` of an ES module is theirs who still do that.
const NOT_FOR = new Set(["node10", "node16-cjs"]);

const folder = mkdtempSync(join(tmpdir(), "curvefeed-client-"));
try {
  const npm = [process.env.npm_execpath, "pack", "--silent", "--pack-destination", folder];
  const name = execFileSync(process.execPath, npm, { cwd: ROOT, encoding: "utf8" }).trim();
  const tarball = readFileSync(join(folder, name));
  const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const data = tarball.buffer.slice(tarball.byteOffset, tarball.byteOffset + tarball.byteLength);

  const { messages } = await publint({ pack: { tarball: data }, strict: true });
  const { problems } = await checkPackage(createPackageFromTarballData(new Uint8Array(data)));
  const found = [
    ...messages.map((message) => `publint: ${formatMessage(message, manifest)}`),
    ...problems
      .filter(({ resolutionKind }) => !NOT_FOR.has(resolutionKind))
      .map((problem) => `attw: ${JSON.stringify(problem)}`),
  ];
  console.log(found.length ? found.join("\n") : `${name}: publint and attw find nothing`);
  process.exitCode = found.length ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true });
}
