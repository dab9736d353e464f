// Completes package-lock.json: run `npm run lock` after every change of a dependency.
//
// npm leaves optional packages out of the lock file when the registry at hand does not carry them (a mirror for
// one platform, for instance), and `npm ci` then refuses the whole file. The package that wants them names them
// exactly, so their entries can be written from there, with the hash that the registry at hand knows: none, where it
// does not carry the package. Running it again with a whole registry adds what is missing.
import { readFileSync, writeFileSync } from "node:fs";

const FILE = new URL("../package-lock.json", import.meta.url);
const SYSTEMS = [
  "aix",
  "android",
  "darwin",
  "freebsd",
  "linux",
  "netbsd",
  "openbsd",
  "openharmony",
  "sunos",
  "win32",
];
const PROCESSORS = [
  "arm",
  "arm64",
  "ia32",
  "loong64",
  "mips64el",
  "ppc64",
  "riscv64",
  "s390x",
  "wasm32",
  "x64",
];

/** os, cpu and libc as the name of a platform's package tells them; null for a name that tells none. */
function platformOf(name) {
  const words = name.replace("linuxmusl", "linux-musl").split("/").at(-1).split("-");
  const os = words.find((word) => SYSTEMS.includes(word));
  const cpu = words.find((word) => PROCESSORS.includes(word));
  if (cpu === "wasm32") return { cpu: [cpu] };
  if (!os || !cpu) return null;
  return { cpu: [cpu], os: [os], ...(words.includes("musl") ? { libc: ["musl"] } : {}) };
}

const lock = JSON.parse(readFileSync(FILE, "utf8"));
let added = 0;
for (const parent of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const place = `node_modules/${name}`;
    const platform = platformOf(name);
    if (place in lock.packages || !platform || !/^\d/.test(version)) continue;
    lock.packages[place] = { version, ...platform, ...(parent.dev ? { dev: true } : {}), optional: true };
    added += 1;
  }
}
/** The hash of a package, as `npm install` would write it; nothing where the registry has it not. */
async function distOf(place, version) {
  const name = place.split("node_modules/").at(-1);
  const registry = process.env.npm_config_registry ?? "https://registry.npmjs.org/";
  const response = await fetch(new URL(`${name}/${version}`, registry)).catch(() => null);
  if (!response?.ok) return {};
  const { integrity } = (await response.json()).dist;
  return integrity ? { integrity } : {};
}

let unknown = 0;
for (const [place, entry] of Object.entries(lock.packages)) {
  if (!place || entry.integrity || entry.link) continue;
  Object.assign(entry, await distOf(place, entry.version));
  unknown += entry.integrity ? 0 : 1;
}
const places = Object.keys(lock.packages).sort();
lock.packages = Object.fromEntries(places.map((place) => [place, lock.packages[place]]));
writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`package-lock.json: ${added} entries added, ${unknown} without a hash`);
