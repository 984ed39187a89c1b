// Block 0 registers a `connection` handler; each of the others is a part of one.

import assert from "node:assert/strict";

// A server whose `connection` handler is one block.
async function serverOf(lesson, index) {
  const server = await lesson.server();
  const console = lesson.console();
  server.io.on("connection", (socket) => lesson.run(index, { io: server.io, socket, console }));
  return { ...server, console };
}

function lastOf(client) {
  return client.heard.at(-1);
}

export const scenes = {
  "handlers are registered for each socket": async (lesson) => {
    const server = await lesson.server();
    const console = lesson.console();
    await lesson.run(0, { io: server.io, console });
    const [alice, bob] = await server.connect({}, {});
    alice.emit("message", "hi");
    await lesson.settled(alice);
    bob.emit("message", "ho");
    await lesson.settled(bob);
    assert.deepEqual(console.lines, ["hi", "ho"]);
    assert.deepEqual([...alice.heard, ...bob.heard], []);
  },

  "a newcomer is greeted, and the others hear of it": async (lesson) => {
    const { connect, console } = await serverOf(lesson, 1);
    const [alice] = await connect({});
    await lesson.settled(alice);
    assert.deepEqual(alice.heard, [["welcome", `Welcome to the server ${alice.id}`]]);
    const [bob] = await connect({});
    await lesson.settled(alice, bob);
    assert.deepEqual(lastOf(alice), ["broadcast", `${bob.id} joined the server`]);
    assert.deepEqual(bob.heard, [["welcome", `Welcome to the server ${bob.id}`]]);
    assert.deepEqual(console.lines, [
      "User connected",
      `id :- ${alice.id}`,
      "User connected",
      `id :- ${bob.id}`,
    ]);
  },

  "a message chooses its way by what it carries": async (lesson) => {
    const { io, connect } = await serverOf(lesson, 2);
    io.on("connection", (socket) => {
      const { userId } = socket.handshake.auth;
      if (userId) socket.join(`user:${userId}`);
    });
    const [alice, bob, tab, carol] = await connect(
      {},
      { auth: { userId: 2 } },
      { auth: { userId: 2 } },
      {},
    );
    const all = [alice, bob, tab, carol];
    io.in([alice.id, bob.id]).socketsJoin("tea");
    const ways = [
      [{ room: "tea", text: "milk?" }, "single-message", [bob]],
      [{ room: carol.id, text: "carol?" }, "single-message", [carol]],
      [{ user: 2, text: "lunch?" }, "single-message", [bob, tab]],
      [{ others: true, text: "psst" }, "recieve-message", [bob, tab, carol]],
      [{ text: "hi", from: "bob" }, "recieve-message", all],
      ["just text", "recieve-message", all],
      [null, "recieve-message", all],
    ];
    for (const [data, event, hearers] of ways) {
      for (const client of all) client.heard.length = 0;
      alice.emit("message", data);
      await lesson.settled(...all);
      for (const client of all) {
        assert.deepEqual(client.heard, hearers.includes(client) ? [[event, data]] : []);
      }
    }
  },

  "a user who cannot be text makes the handler throw": async (lesson) => {
    const handlers = {};
    await lesson.run(2, { socket: { on: (event, handler) => (handlers[event] = handler) } });
    assert.throws(() => handlers.message({ user: { toString: 1 } }), TypeError);
  },

  "a room is joined and left by its name, whatever it is": async (lesson) => {
    const { io, connect, console } = await serverOf(lesson, 3);
    const [alice, bob, carol] = await connect({}, {}, {});
    alice.emit("join-room", "tea");
    bob.emit("join-room", "tea");
    carol.emit("join-room", bob.id);
    await lesson.settled(alice, bob, carol);
    assert.equal(console.lines.length, 3);
    assert.ok(console.lines.includes("User joined the room tea"));
    assert.ok(console.lines.includes(`User joined the room ${bob.id}`));
    bob.emit("leave-room", "tea");
    await lesson.settled(bob);
    io.to("tea").emit("for tea");
    io.to(bob.id).emit("for bob");
    await lesson.settled(alice, bob, carol);
    assert.deepEqual(alice.heard, [["for tea"]]);
    assert.deepEqual(bob.heard, [["for bob"]]);
    assert.deepEqual(carol.heard, [["for bob"]]);
  },

  "only the log is told that somebody left": async (lesson) => {
    const { connect, console } = await serverOf(lesson, 4);
    const [alice, bob] = await connect({}, {});
    const was = alice.id;
    alice.disconnect();
    await lesson.until(() => console.lines.length === 1, "the server to notice it");
    await lesson.settled(bob);
    assert.deepEqual(console.lines, [`${was} is disconnected`]);
    assert.deepEqual(bob.heard, []);
  },
};
