// Lesson 09: what a client claims, and what is kept from it until it is let in.

import assert from "node:assert/strict";

const guarded = async (lesson) => {
  const server = await lesson.server();
  await lesson.run(2, { io: server.io });
  server.io.on("connection", (socket) => {
    socket.on("say", (text) => server.io.emit("news", text));
  });
  return server;
};

export const scenes = {
  "the later field wins": async (lesson) => {
    const { believed, safe } = await lesson.run(0, {}, "believed", "safe");
    assert.deepEqual(believed, { text: "send me the PIN", from: "alice" });
    assert.deepEqual(safe, { text: "send me the PIN", from: "dave" });
  },

  "the client throws when it is to emit a reserved name": async (lesson) => {
    const { connect } = await lesson.server();
    const [socket] = await connect();
    const console = lesson.console();
    await lesson.run(1, { socket, console });
    assert.deepEqual(console.lines, ['"connect" is a reserved event name']);
    assert.throws(() => socket.emit("disconnect"));
  },

  "a Node.js server hangs up on a packet with a reserved name": async (lesson) => {
    for (const name of ["connect", "disconnect"]) {
      const { io, connect } = await lesson.server();
      const called = [];
      io.on("connection", (socket) => socket.on("connect", () => called.push("connect")));
      const [dave, bob] = await connect({}, {});
      dave.io.engine.write(`2["${name}",{}]`);
      await lesson.until(() => !dave.connected, "the server to hang up");
      assert.deepEqual(called, []);
      assert.ok(bob.connected);
    }
  },

  "the middleware lets in who knows the passcode": async (lesson) => {
    const { connect, url } = await guarded(lesson);
    await connect({ auth: { passcode: "tea" } });
    for (const auth of [{}, { passcode: "te" }, { passcode: ["tea"] }]) {
      const dave = lesson.browser(url)({ auth, reconnection: false });
      const reasons = [];
      dave.on("connect_error", (error) => reasons.push(error.message));
      await lesson.until(() => reasons.length, "a refusal");
      assert.deepEqual(reasons, ["The passcode is wrong."]);
    }
  },

  "who waits in a middleware hears nothing": async (lesson) => {
    const { io, url, connect } = await lesson.server();
    const waiting = [];
    io.use((socket, next) => (socket.handshake.auth.passcode ? next() : waiting.push(next)));
    await lesson.run(2, { io });
    io.on("connection", (socket) => {
      socket.on("say", (text, answer) => answer(io.emit("news", text)));
    });
    const [alice] = await connect({ auth: { passcode: "tea" } });
    const dave = lesson.browser(url)({ reconnection: false });
    const packets = [];
    dave.io.on("packet", (packet) => packets.push(packet.type));
    const reasons = [];
    dave.on("connect_error", (error) => reasons.push(error.message));
    await lesson.until(() => waiting.length, "dave to knock");
    await alice.emitWithAck("say", "PIN 4711");
    waiting.forEach((next) => next());
    await lesson.until(() => reasons.length, "a refusal");
    assert.deepEqual(packets, [4]); // CONNECT_ERROR, and no EVENT before it
  },

  "a client shows what it has overheard once it is let in": async (lesson) => {
    const { io, url } = await lesson.server();
    io.use((socket, next) => {
      if (socket.handshake.auth.passcode === "tea") return next();
      // As python-socketio does: an event first, to a socket that is refused then.
      socket.conn.send('2["news","PIN 4711"]');
      next(new Error("The passcode is wrong."));
    });
    const console = lesson.console();
    const { socket } = await lesson.run(3, { io: lesson.browser(url), console }, "socket");
    const before = [];
    socket.on("connect_error", () => before.push(...console.lines));
    await lesson.until(() => socket.connected, "dave to be let in");
    assert.deepEqual(before, []);
    assert.deepEqual(console.lines, ["overheard: PIN 4711"]);
  },

  "a token takes the passcode's place": async (lesson) => {
    const { io, url } = await lesson.server();
    const came = [];
    io.use((socket, next) => {
      came.push(socket.handshake.auth);
      const { passcode, token } = socket.handshake.auth;
      next(passcode === "tea" || token === "bob's" ? undefined : new Error("Nobody knows you."));
    });
    io.on("connection", (socket) => socket.emit("session", { userId: "u-2", token: "bob's" }));
    const console = lesson.console();
    const { socket } = await lesson.run(4, { io: lesson.browser(url), console }, "socket");
    await lesson.until(() => socket.heard.length === 1, "the session");
    socket.disconnect().connect();
    await lesson.until(() => socket.heard.length === 2, "the next session");
    assert.deepEqual(came, [{ passcode: "tea" }, { token: "bob's" }]);
    socket.disconnect().auth = {};
    socket.connect();
    await lesson.until(() => console.lines.length, "a refusal");
    assert.deepEqual(console.lines, ["Nobody knows you."]);
  },
};
