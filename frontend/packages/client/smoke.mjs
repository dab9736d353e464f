// The built package in whatever runs this file: `node smoke.mjs ws://…` prints what a room brings, as JSON lines.

import { Feed } from "@curvefeed/client";
import { useConnection, useLatest, useRoom } from "@curvefeed/client/react";
import { createElement } from "react";
import { renderToString } from "react-dom/server";

function Page() {
  useRoom("global");
  return `${useConnection().status} ${useLatest("new_trade")}`;
}
const say = (what) => console.log(JSON.stringify(what));

say({ rendered: renderToString(createElement(Page)) });
const feed = new Feed({ url: () => process.argv[2] });
say({ before: feed.state.status });
feed.on("snapshot", (_, { room }) => say({ snapshot: room }));
feed.on("new_trade", ({ number }) => {
  say({ trade: number });
  if (number === 3) feed.close();
});
feed.subscribe("global");
