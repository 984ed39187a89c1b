// Lesson 11: what a page does in a class, and what a Node.js server has to do for one.

import assert from "node:assert/strict";

// A server whose sockets are in the room of their user.
const classroom = async (lesson, setUp = () => {}) => {
  const server = await lesson.server();
  server.io.use((socket, next) => {
    socket.data.userId = socket.handshake.auth.userId;
    next();
  });
  await setUp(server.io);
  server.io.on("connection", (socket) => socket.join(`user:${socket.data.userId}`));
  return server;
};

const page = (socket, names) => ({ ...names, socket, document: {}, offsets: {} });

export const scenes = {
  "a page learns from one event how the class stands": async (lesson) => {
    const { io, connect } = await lesson.server();
    const joined = [];
    io.on("connection", (socket) => socket.on("join-room", (...data) => joined.push(...data)));
    const [socket] = await connect();
    const polls = [];
    const scope = page(socket, { showPoll: (poll) => polls.push(poll) });
    scope.offsets.Blue = 7;
    await lesson.run(0, scope);
    const poll = { poll: 1 };
    for (const room of ["Blue", "Red", null]) io.emit("classroom", { title: "Tea", poll, room });
    await lesson.settled(socket);
    assert.equal(scope.document.title, "Tea");
    assert.deepEqual(polls, [poll, poll, poll]);
    assert.deepEqual(joined, [
      { room: "Blue", offset: 7 },
      { room: "Red", offset: 0 },
    ]);
  },

  "a page raises a hand, and shows why not": async (lesson) => {
    const { io, connect } = await lesson.server();
    io.on("connection", (socket) => {
      socket.on("hand", ({ raised }, answer) => answer({ ok: raised, error: "Not now." }));
    });
    const [socket] = await connect();
    const shown = [];
    const { raiseHand } = await lesson.run(
      1,
      { socket, show: (text) => shown.push(text) },
      "raiseHand",
    );
    await raiseHand(true);
    assert.deepEqual(shown, []);
    await raiseHand(false);
    assert.deepEqual(shown, ["Not now."]);
  },

  "the last answer of a user counts, and only one of the options": async (lesson) => {
    let answers;
    const { connect } = await classroom(lesson, async (io) => {
      ({ answers } = await lesson.run(2, { io, options: ["yes", "no"] }, "answers"));
    });
    const [alice, phone, bob] = await connect(
      { auth: { userId: "a" } },
      { auth: { userId: "a" } },
      { auth: { userId: "b" } },
    );
    assert.deepEqual(await alice.emitWithAck("answer", { option: 0 }), { ok: true });
    assert.deepEqual(await phone.emitWithAck("answer", { option: 1 }), { ok: true });
    const refused = { ok: false, error: "There is no such option." };
    for (const option of [2, -1, "1", "length"]) {
      assert.deepEqual(await bob.emitWithAck("answer", { option }), refused);
    }
    assert.deepEqual([...answers], [["a", 1]]);
  },

  "all sockets of some users are brought into a room": async (lesson) => {
    const { io, connect } = await classroom(lesson);
    const { breakout } = await lesson.run(3, { io }, "breakout");
    const [alice, phone, bob] = await connect(
      { auth: { userId: "a" } },
      { auth: { userId: "a" } },
      { auth: { userId: "b" } },
    );
    breakout("Blue", ["a"]);
    io.to("Blue").emit("news", "psst");
    await lesson.settled(alice, phone, bob);
    for (const socket of [alice, phone]) {
      assert.deepEqual(socket.heard, [
        ["breakout", { room: "Blue" }],
        ["news", "psst"],
      ]);
    }
    assert.deepEqual(bob.heard, []);
  },

  "who is removed is out, and stays out": async (lesson) => {
    let remove;
    const { url, connect } = await classroom(lesson, async (io) => {
      ({ remove } = await lesson.run(4, { io }, "remove"));
    });
    const auth = { userId: "e" };
    const [eve, phone, bob] = await connect({ auth }, { auth }, { auth: { userId: "b" } });
    remove("e");
    await lesson.until(() => !eve.connected && !phone.connected, "both to be out");
    assert.ok(bob.connected);
    const again = lesson.browser(url)({ auth, reconnection: false });
    const reasons = [];
    again.on("connect_error", (error) => reasons.push(error.message));
    await lesson.until(() => reasons.length, "a refusal");
    assert.deepEqual(reasons, ["You were removed from this class."]);
  },

  "a page waits for a class that is lost, and not for one that is over": async (lesson) => {
    const { io, url, connect } = await lesson.server();
    const options = { reconnection: true, reconnectionDelay: 10 };
    const [socket] = await connect(options);
    const shown = [];
    await lesson.run(5, { socket, show: (text) => shown.push(text) });
    for (const one of await io.fetchSockets()) io.sockets.sockets.get(one.id).conn.close();
    await lesson.until(() => shown.length, "a word about it");
    await lesson.until(() => socket.connected, "it to come back");
    io.emit("class-closed");
    await lesson.until(() => !socket.connected, "it to leave");
    assert.deepEqual(shown, ["Waiting for the class to go on ...", "The class is over."]);
    assert.equal(socket.active, false);
    const [other] = await lesson.connect(url, options);
    const said = [];
    await lesson.run(5, { socket: other, show: (text) => said.push(text) });
    io.disconnectSockets();
    await lesson.until(() => !other.connected, "the server to hang up");
    assert.equal(other.active, false);
    assert.deepEqual(said, []);
  },
};
