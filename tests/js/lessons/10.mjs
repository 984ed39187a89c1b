// Lesson 10: what goes over the wire, and what a page does by itself.

import assert from "node:assert/strict";

// A server with the handlers of the lesson's.
const hall = async (lesson) => {
  const server = await lesson.server();
  server.io.on("connection", (socket) => {
    socket.on("say", (text) => socket.broadcast.emit("said", text));
    socket.on("add", (a, b, answer) => answer(a + b));
  });
  return server;
};

// What an Engine.IO client sends and hears, from now on.
const overheard = (socket) => {
  const frames = [];
  const { engine } = socket.io;
  engine.on("packet", ({ type, data }) => frames.push(["in", type, data]));
  engine.on("packetCreate", ({ type, data }) => frames.push(["out", type, data]));
  return frames;
};

export const scenes = {
  "packets can be watched in the console": async (lesson) => {
    const { connect } = await hall(lesson);
    const [socket] = await connect({});
    const console = lesson.console();
    await lesson.run(0, { socket, console });
    await socket.emitWithAck("add", 1, 2);
    assert.deepEqual(console.lines, ['out: message 20["add",1,2]', "in: message 30[3]"]);
  },

  "each question has a number, and one promise": async (lesson) => {
    const { connect } = await hall(lesson);
    const [socket] = await connect({});
    const frames = overheard(socket);
    const { sums } = await lesson.run(1, { socket }, "sums");
    assert.deepEqual(sums, [7, "34"]);
    assert.deepEqual(
      frames.map(([, , data]) => data),
      ['20["add",3,4]', '21["add","3","4"]', "30[7]", '31["34"]'],
    );
  },

  "bytes follow what announces them": async (lesson) => {
    const { connect } = await hall(lesson);
    const [socket, bob] = await connect({}, {});
    const frames = overheard(socket);
    await lesson.run(2, { socket });
    await lesson.until(() => bob.heard.length, "bob to hear it");
    const [[, , announced], [, , bytes]] = frames;
    assert.equal(announced, '51-["say",{"_placeholder":true,"num":0}]');
    assert.deepEqual([...bytes], [1, 2]);
    assert.deepEqual([...bob.heard[0][1]], [1, 2]);
    assert.equal(socket.heard.length, 0);
  },

  "a page polls first, and upgrades": async (lesson) => {
    const { url } = await hall(lesson);
    const console = lesson.console();
    await lesson.run(3, { io: lesson.browser(url), console });
    await lesson.until(() => console.lines.length === 2, "the upgrade");
    assert.deepEqual(console.lines, ["polling", "websocket"]);
  },

  "a namespace is a circuit of its own": async (lesson) => {
    const { io, url } = await hall(lesson);
    await lesson.run(4, { io });
    const console = lesson.console();
    // A page's `io` shares one wire among namespaces.
    const page = (path = "/") => lesson.browser(url)(path, { forceNew: false });
    const { socket, admin } = await lesson.run(5, { io: page, console }, "socket", "admin");
    const dave = lesson.browser(url)("/admin");
    await lesson.until(() => socket.connected && admin.connected && dave.connected, "all");
    assert.equal(socket.io, admin.io);
    assert.notEqual(socket.id, admin.id);
    dave.emit("say", "psst");
    await lesson.until(() => console.lines.length, "an admin to hear it");
    assert.deepEqual(console.lines, ["among admins: psst"]);
    assert.deepEqual([socket.heard, dave.heard], [[], []]);
  },

  "a page comes back by itself, unless the server has disconnected it": async (lesson) => {
    const { io, url } = await hall(lesson);
    const socket = lesson.browser(url)({ reconnectionDelay: 5 });
    const console = lesson.console();
    await lesson.run(6, { socket, console });
    await lesson.until(() => socket.connected, "the page to be there");
    const first = socket.id;
    socket.io.engine.close();
    await lesson.until(() => console.lines.length === 2, "the page to be back");
    assert.deepEqual(console.lines, [
      "forced close - will come back: true",
      "back, at attempt 1",
    ]);
    await lesson.until(() => socket.connected, "the page to be let in");
    assert.notEqual(socket.id, first);
    io.disconnectSockets();
    await lesson.until(() => console.lines.length === 3, "the page to be told");
    assert.equal(console.lines[2], "io server disconnect - will come back: false");
  },

  "what is emitted while there is no connection is kept": async (lesson) => {
    const { url, connect } = await hall(lesson);
    const [bob] = await connect({});
    const socket = lesson.browser(url)({ autoConnect: false });
    socket.emit("say", "kept");
    socket.connect();
    await lesson.until(() => bob.heard.length, "bob to hear it");
    assert.deepEqual(bob.heard, [["said", "kept"]]);
  },

  "Node.js hangs up on who emits before it is let in": async (lesson) => {
    const { url } = await hall(lesson);
    const socket = lesson.browser(url)({ autoConnect: false, reconnection: false });
    socket.io.open(); // the connection alone
    await lesson.until(() => socket.io.engine.readyState === "open", "the handshake");
    socket.io.engine.write('2["say","early"]');
    await lesson.until(() => socket.io.engine.readyState === "closed", "the server to hang up");
    assert.equal(socket.heard.length, 0);
  },
};
