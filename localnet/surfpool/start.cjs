/* Starts Surfpool offline with our programs, and stays until stdin closes.

   One argument, JSON: {"port": 8899, "slotMs": 400, "programs": {"<address>": "<file.so>"}}.
   Prints one line, JSON: {"rpc": "http://…", "ws": "ws://…"}. Surfpool chooses its ports itself; with
   "port" above 0 two forwarders make it answer on that port and the next, where Solana's clients look. */
"use strict";
const fs = require("node:fs");
const net = require("node:net");
const { Surfnet } = require("@solana/surfpool-linux-x64-gnu");

const HOST = "127.0.0.1";
const { port, slotMs, programs } = JSON.parse(process.argv[2]);

const chain = Surfnet.startWithConfig({
  offline: true,
  blockProductionMode: "clock",
  slotTimeMs: slotMs,
});
for (const [programId, file] of Object.entries(programs)) {
  chain.deploy({ programId, soBytes: [...fs.readFileSync(file)] });
}

function forward(from, url) {
  const target = Number(new URL(url).port);
  const server = net.createServer((client) => {
    const upstream = net.connect(target, HOST);
    client.pipe(upstream).pipe(client);
    client.on("error", () => upstream.destroy());
    upstream.on("error", () => client.destroy());
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(from, HOST, resolve);
  });
}

async function main() {
  let { rpcUrl: rpc, wsUrl: ws } = chain;
  if (port) {
    await Promise.all([forward(port, rpc), forward(port + 1, ws)]);
    rpc = `http://${HOST}:${port}`;
    ws = `ws://${HOST}:${port + 1}`;
  }
  process.stdout.write(JSON.stringify({ rpc, ws }) + "\n");
  process.stdin.resume();
  process.stdin.on("end", () => {
    chain.stop();
    process.exit(0);
  });
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
