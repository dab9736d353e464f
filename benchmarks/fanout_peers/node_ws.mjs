// Peer: npm's `ws`, the broadcast of its README. node node_ws.mjs PORT FOLDER_OF_NODE_MODULES
import { createRequire } from "node:module";
import { join } from "node:path";

const [port, folder] = process.argv.slice(2);
const { WebSocketServer } = createRequire(join(folder, "package.json"))("ws");

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(port), backlog: 4096 });
const members = new Set();

server.on("connection", (socket, request) => {
  socket.on("error", () => {});
  if (request.url !== "/pub") {
    members.add(socket);
    socket.on("close", () => members.delete(socket));
    return;
  }
  socket.on("message", (message) => {
    for (const member of members) {
      if (member.readyState === 1) member.send(message, { binary: false });
    }
  });
});
