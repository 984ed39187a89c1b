// The blocks of lesson 05: who a client is, the rooms of people and groups, the last tab, the message.

import assert from "node:assert/strict";

// A server with the rooms of block 1, and the handler of block 3 beside its own.
async function chat(lesson) {
  const { io, url, connect } = await lesson.server();
  const { isName } = await lesson.run(1, { io }, "isName");
  const added = [];
  io.on("connection", (socket) => {
    const { userId } = socket.handshake.auth;
    const me = isName(userId) ? userId : socket.id;
    added.push(lesson.run(3, { socket, me, isName }));
  });
  const join = async (...options) => {
    const sockets = await connect(...options);
    await lesson.settled(...sockets);
    await Promise.all(added);
    return sockets;
  };
  return { io, url, join };
}

const user = (userId) => ({ auth: { userId } });

const members = async (io, room) => (await io.in(room).fetchSockets()).map((socket) => socket.id);

export const scenes = {
  "a client says who it is as it connects": async (lesson) => {
    const { io, url } = await lesson.server();
    const came = [];
    io.on("connection", (socket) => came.push(socket.handshake.auth));
    const { socket } = await lesson.run(0, { io: lesson.browser(url) }, "socket");
    await lesson.until(() => socket.connected, "the client to be connected");
    assert.deepEqual(came, [{ userId: 2 }]);
  },

  "all tabs of a user are in one room, and no group is that room": async (lesson) => {
    const { io, connect } = await lesson.server();
    await lesson.run(1, { io });
    const [bob, phone, carol] = await connect(user(2), user(2), user(3));
    carol.emit("join-room", "2");
    carol.emit("join-room", 2);
    carol.emit("join-room", "user:2");
    await lesson.settled(bob, phone, carol);
    assert.deepEqual(new Set(await members(io, "user:2")), new Set([bob.id, phone.id]));
    for (const room of ["room:2", "room:user:2"]) {
      assert.deepEqual(await members(io, room), [carol.id]);
    }
  },

  "without a userId a client is in a room of its own": async (lesson) => {
    const { io, connect } = await lesson.server();
    await lesson.run(1, { io });
    const names = [undefined, null, {}, { toString: 1 }, [2], true];
    const sockets = await connect({}, ...names.map(user));
    await lesson.settled(...sockets);
    for (const socket of sockets) {
      assert.deepEqual(await members(io, `user:${socket.id}`), [socket.id]);
    }
    assert.deepEqual(await members(io, "user:undefined"), []);
    assert.deepEqual(await members(io, "user:null"), []);
  },

  "no name of a group ends the server": async (lesson) => {
    const { io, connect } = await lesson.server();
    await lesson.run(1, { io });
    const [carol] = await connect(user(3));
    for (const room of [undefined, null, {}, { toString: 1 }, [2], "blue"]) {
      carol.emit("join-room", room);
    }
    carol.emit("join-room");
    await lesson.settled(carol);
    const rooms = [...io.of("/").sockets.get(carol.id).rooms];
    assert.deepEqual(rooms, [carol.id, "user:3", "room:blue"]);
  },

  "the leaver counts before the rooms are left, and not after it": async (lesson) => {
    const { io, connect } = await lesson.server();
    const console = lesson.console();
    await lesson.run(2, { io, console });
    const [bob] = await connect(user(2));
    bob.disconnect();
    await lesson.until(() => console.lines.length === 2, "both handlers");
    assert.deepEqual(console.lines, ["before: 1", "after: 0"]);
  },

  "a message goes to both people, and not to the tab that sent it": async (lesson) => {
    const { join } = await chat(lesson);
    const sockets = await join(user(1), user(1), user(2), user(2), user(3));
    const [alice, desk, bob, phone, carol] = sockets;
    alice.emit("dm", { user: 2, text: "lunch?", from: 3 });
    await lesson.settled(...sockets);
    const heard = [["dm", { user: 2, text: "lunch?", from: 1 }]];
    for (const socket of [desk, bob, phone]) assert.deepEqual(socket.heard, heard);
    for (const socket of [alice, carol]) assert.deepEqual(socket.heard, []);
  },

  "a note to oneself comes once, and what is for somebody away to nobody": async (lesson) => {
    const { join } = await chat(lesson);
    const sockets = await join(user(1), user(1), user(3));
    const [alice, desk, carol] = sockets;
    alice.emit("dm", { user: 1, text: "milk" });
    carol.emit("dm", { user: 9, text: "hello?" });
    await lesson.settled(...sockets);
    assert.deepEqual(desk.heard, [["dm", { user: 1, text: "milk", from: 1 }]]);
    assert.deepEqual([alice.heard, carol.heard], [[], []]);
  },

  "no data of a message ends the server, or reaches anybody": async (lesson) => {
    const { join } = await chat(lesson);
    const [alice, bob] = await join(user(1), user(2));
    const wrong = [undefined, null, "", "hi", 7, [], {}, { user: null }, { user: { toString: 1 } }];
    for (const data of wrong) alice.emit("dm", data);
    alice.emit("dm");
    alice.emit("dm", { user: 2, text: "still here" });
    await lesson.settled(alice, bob);
    assert.deepEqual(bob.heard, [["dm", { user: 2, text: "still here", from: 1 }]]);
    assert.deepEqual(alice.heard, []);
  },
};
