// What Node's own server answers to whoever asks for the client: as JSON, by path.

import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer((request, response) => response.writeHead(404).end());
new Server(http);
await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
const told = {};
for (const path of process.argv.slice(2)) {
  const url = `http://127.0.0.1:${http.address().port}${path}`;
  const answer = await fetch(url);
  const etag = answer.headers.get("etag");
  const again = etag && (await fetch(url, { headers: { "If-None-Match": etag } }));
  told[path] = {
    status: answer.status,
    type: answer.headers.get("content-type"),
    cache: answer.headers.get("cache-control"),
    again: again && again.status,
    text: await answer.text(),
  };
}
console.log(JSON.stringify(told));
http.close();
http.closeAllConnections();
