import assert from "node:assert/strict";

const HANDLERS = 0, TWO_WAYS = 1, CHAIN = 2, QUIZ = 3, AGAIN = 4;

// A server with the first block's handlers, and a client for each list of rooms, which it has joined.
async function inRooms(lesson, ...rooms) {
  const { io, url, connect } = await lesson.server();
  await lesson.run(HANDLERS, { io });
  await lesson.run(TWO_WAYS, { io });
  const sockets = await connect(...rooms.map(() => ({})));
  for (const [index, socket] of sockets.entries()) {
    for (const room of rooms[index]) {
      assert.deepEqual(await socket.emitWithAck("join-room", room), { ok: true });
    }
  }
  return { io, url, sockets };
}

const heard = (sockets) => sockets.map((socket) => socket.heard.map(([, ...data]) => data.join()));

export const scenes = {
  "a room is joined, addressed and left": async (lesson) => {
    const { io, sockets } = await inRooms(lesson, ["red"], ["red"], []);
    io.to("red").emit("news", "red plays at six");
    assert.deepEqual(await sockets[1].emitWithAck("leave-room", "red"), { ok: true });
    io.to("red").emit("news", "who is still here?");
    await lesson.settled(...sockets);
    const both = ["red plays at six", "who is still here?"];
    assert.deepEqual(heard(sockets), [both, both.slice(0, 1), []]);
  },
  "who does not ask for an answer joins all the same": async (lesson) => {
    const { io, sockets } = await inRooms(lesson, []);
    sockets[0].emit("join-room", "red");
    await lesson.settled(...sockets);
    io.to("red").emit("news", "hi");
    await lesson.settled(...sockets);
    assert.deepEqual(heard(sockets), [["hi"]]);
  },
  "io.to is the room, and socket.to leaves out the sender": async (lesson) => {
    const { sockets } = await inRooms(lesson, ["red"], ["red"], []);
    const [alice, , carol] = sockets;
    alice.emit("io.to", "red", "one");
    alice.emit("socket.to", "red", "two");
    await lesson.settled(...sockets);
    assert.deepEqual(heard(sockets), [["one"], ["one", "two"], []]);
    carol.emit("io.to", "red", "three");
    carol.emit("socket.to", "red", "four");
    await lesson.settled(...sockets);
    const outside = ["three", "four"];
    assert.deepEqual(heard(sockets), [["one", ...outside], ["one", "two", ...outside], []]);
  },
  "who is in two rooms hears a chain once": async (lesson) => {
    const { io, sockets } = await inRooms(lesson, ["red"], ["red", "blue"], ["blue"], []);
    await lesson.run(CHAIN, { io });
    await lesson.settled(...sockets);
    const once = ["both teams win"];
    assert.deepEqual(heard(sockets), [once, once, once, []]);
  },
  "every socket is in a room of its own": async (lesson) => {
    const { io, sockets } = await inRooms(lesson, [], []);
    const [first] = sockets;
    assert.deepEqual([...io.sockets.sockets.get(first.id).rooms], [first.id]);
    io.to(first.id).emit("news", "hi");
    await lesson.settled(...sockets);
    assert.deepEqual(heard(sockets), [["hi"], []]);
  },
  "all members of a room answer": async (lesson) => {
    const { io, sockets } = await inRooms(lesson, ["quiz"], ["quiz"], []);
    const [carol, dave, alice] = sockets;
    carol.on("ready?", (done) => done("carol is ready"));
    dave.on("ready?", (done) => setTimeout(done, 20, "dave is not"));
    alice.on("ready?", (done) => done("nobody asked alice"));
    const { answers } = await lesson.run(QUIZ, { io }, "answers");
    assert.deepEqual(answers.sort(), ["carol is ready", "dave is not"]);
  },
  "it rejects if one of them does not answer": async (lesson) => {
    const { io, sockets } = await inRooms(lesson, ["quiz"], ["quiz"]);
    sockets[0].on("ready?", (done) => done("carol is ready"));
    await assert.rejects(lesson.run(QUIZ, { io }), /timed out/);
  },
  "a client is in no room after a reconnect, but for one that asks at each connect": async (lesson) => {
    const { io, url, sockets } = await inRooms(lesson, ["blue"]);
    const back = async (socket) => {
      const id = socket.id;
      socket.disconnect();
      socket.connect();
      await lesson.until(() => socket.connected && socket.id !== id, "a client to be back");
      await lesson.settled(socket);
    };
    const [bob] = sockets;
    const [alice] = await lesson.connect(url, {});
    await lesson.run(AGAIN, { socket: alice });
    await back(bob);
    await back(alice);
    io.to("blue").emit("news", "blue meets at eight");
    await lesson.settled(alice, bob);
    assert.deepEqual(heard([alice, bob]), [["blue meets at eight"], []]);
  },
  "connectionStateRecovery keeps the id, the rooms and what was said": async (lesson) => {
    const { io, url } = await lesson.server({ connectionStateRecovery: {} });
    await lesson.run(HANDLERS, { io });
    const [bob] = await lesson.connect(url, { reconnection: true, reconnectionDelay: 10 });
    await bob.emitWithAck("join-room", "blue");
    io.to("blue").emit("news", "with an offset");
    await lesson.settled(bob);
    const id = bob.id;
    let gone = false;
    bob.once("disconnect", () => (gone = true));
    bob.io.engine.close();
    await lesson.until(() => gone && !io.sockets.sockets.has(id), "bob to be gone");
    io.to("blue").emit("news", "blue wins");
    await lesson.until(() => bob.connected && bob.heard.length === 2, "bob to be back");
    assert.ok(bob.recovered);
    assert.equal(bob.id, id);
    io.to("blue").emit("news", "blue meets at eight");
    await lesson.settled(bob);
    assert.deepEqual(bob.heard.map(([, text]) => text), [
      "with an offset", "blue wins", "blue meets at eight",
    ]);
  },
  "who has heard nothing yet is not recovered": async (lesson) => {
    const { io, url } = await lesson.server({ connectionStateRecovery: {} });
    await lesson.run(HANDLERS, { io });
    const [bob] = await lesson.connect(url, { reconnection: true, reconnectionDelay: 10 });
    await bob.emitWithAck("join-room", "blue");
    const id = bob.id;
    bob.io.engine.close();
    await lesson.until(() => bob.connected && bob.id !== id, "bob to be back");
    io.to("blue").emit("news", "blue meets at eight");
    await lesson.settled(bob);
    assert.ok(!bob.recovered);
    assert.deepEqual(bob.heard, []);
  },
  "seven and \"7\" are two rooms": async (lesson) => {
    const { io, sockets } = await inRooms(lesson, [7], ["7"]);
    io.to("7").emit("news", "meet in room seven");
    await lesson.settled(...sockets);
    assert.deepEqual(heard(sockets), [[], ["meet in room seven"]]);
  },
};
