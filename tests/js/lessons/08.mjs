// Lesson 08: what a client keeps while it is offline, sends again, and says of where it stands.

import assert from "node:assert/strict";

// A server that notes what comes as `message`, and answers what `answers` allows.
const listening = async (lesson, answers = () => true) => {
  const server = await lesson.server();
  const got = [];
  server.io.on("connection", (socket) => {
    socket.on("message", (data, answer) => {
      got.push(data);
      if (answer && answers(got.length)) answer({ ok: true });
    });
  });
  return { ...server, got };
};

// End a connection as a broken wire does: neither end says goodbye.
const cut = async (lesson, socket) => {
  socket.io.engine.close();
  await lesson.until(() => !socket.connected, "the client to notice");
};

const back = (lesson, socket) => lesson.until(() => socket.connected, "the client to be back");

// A page's `io`, that comes back sooner than after a second.
const soon =
  (lesson, url) =>
  (options = {}) =>
    lesson.browser(url)({ reconnectionDelay: 5, ...options });

export const scenes = {
  "what is emitted before the connection is kept, unless it is volatile": async (lesson) => {
    const { url, got } = await listening(lesson);
    const { socket } = await lesson.run(0, { io: lesson.browser(url) }, "socket");
    assert.equal(socket.connected, false);
    await back(lesson, socket);
    await lesson.settled(socket);
    assert.deepEqual(got, [{ n: 1 }]);
  },

  "and so is what is emitted while the wire is cut": async (lesson) => {
    const { url, got } = await listening(lesson);
    const { socket } = await lesson.run(0, { io: soon(lesson, url) }, "socket");
    await back(lesson, socket);
    await lesson.settled(socket);
    await cut(lesson, socket);
    socket.emit("message", { n: 3 });
    await back(lesson, socket);
    await lesson.settled(socket);
    assert.deepEqual(got, [{ n: 1 }, { n: 3 }]);
  },

  "retries gives up after four attempts, and tells only the callback": async (lesson) => {
    const { url, got } = await listening(lesson, () => false);
    const console = lesson.console();
    const { socket } = await lesson.run(1, { io: lesson.browser(url), console }, "socket");
    await lesson.until(() => console.lines.length, "the client to give up");
    await lesson.settled(socket);
    assert.deepEqual(got, [{ n: 8 }, { n: 8 }, { n: 8 }, { n: 8 }]);
    assert.deepEqual(console.lines, ["given up"]);
  },

  "retries is at least once: the second attempt is answered, and the first had come": async (
    lesson,
  ) => {
    const { url, got } = await listening(lesson, (attempt) => attempt > 1);
    const console = lesson.console();
    const { socket } = await lesson.run(1, { io: lesson.browser(url), console }, "socket");
    await lesson.until(() => got.length === 2, "the second attempt");
    let isNext = false;
    socket.emit("message", { n: 9 }, () => (isNext = true)); // its turn comes after the first's
    await lesson.until(() => isNext, "the next event's turn");
    assert.deepEqual(got, [{ n: 8 }, { n: 8 }, { n: 9 }]);
    assert.deepEqual(console.lines, []);
  },

  "one offset over both events, moved only by an id, and not by a room's": async (lesson) => {
    const { io, url } = await lesson.server();
    const auths = [];
    io.on("connection", (socket) => auths.push(socket.handshake.auth));
    const shown = [];
    const scope = { io: soon(lesson, url), show: (data) => shown.push(data) };
    const { socket } = await lesson.run(2, scope, "socket");
    await back(lesson, socket);
    const hears = async (event, ...data) => {
      io.emit(event, ...data);
      await lesson.settled(socket);
      await cut(lesson, socket);
      await back(lesson, socket);
      await lesson.settled(socket);
      return auths.at(-1);
    };
    assert.deepEqual(auths, [{ userId: "bob", offset: 0 }]);
    const bob = (offset) => ({ userId: "bob", offset });
    assert.deepEqual(await hears("recieve-message", { id: 1, text: "hi" }), bob(1));
    assert.deepEqual(await hears("single-message", { id: 2, text: "hi", user: "bob" }), bob(2));
    assert.deepEqual(await hears("recieve-message", "plain"), bob(2));
    assert.deepEqual(await hears("recieve-message", null), bob(2));
    assert.deepEqual(await hears("recieve-message", { text: "no id" }), bob(2));
    assert.deepEqual(await hears("single-message", { id: 7, room: "team" }), bob(2));
    assert.deepEqual(await hears("recieve-message", { id: 8 }), bob(8));
    assert.equal(shown.length, 7);
  },

  "a server with recovery hands over what was missed, with the same id": async (lesson) => {
    let given;
    class Server {
      constructor(options) {
        given = options;
      }
    }
    await lesson.run(3, { Server });
    const { io, connect } = await lesson.server(given);
    const [bob] = await connect({});
    const id = bob.id;
    io.emit("news", 1);
    await lesson.settled(bob);
    await cut(lesson, bob);
    io.emit("news", 2);
    bob.connect();
    await back(lesson, bob);
    await lesson.settled(bob);
    assert.deepEqual([bob.recovered, bob.id], [true, id]);
    assert.deepEqual(
      bob.heard.map(([, number]) => number),
      [1, 2],
    );
  },
};
