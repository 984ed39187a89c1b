import assert from "node:assert/strict";

export const scenes = {
  "a handler belongs to a socket, and is told what was sent": async (lesson) => {
    const { io, connect } = await lesson.server();
    const console = lesson.console();
    await lesson.run(0, { io, console });
    const [alice, bob] = await connect({}, {});
    alice.emit("greet", "Alice");
    await lesson.settled(alice, bob);
    assert.deepEqual(console.lines, ["a greeting from Alice"]);
    assert.deepEqual(bob.heard, []);
  },

  "each value is an argument": async (lesson) => {
    const { io, connect } = await lesson.server();
    const came = [];
    io.on("connection", (socket) => socket.on("count", (...values) => came.push(values)));
    const [socket] = await connect({});
    await lesson.run(1, { socket });
    await lesson.settled(socket);
    assert.deepEqual(came, [[], [3, 4], [[3, 4]]]);
  },

  "undefined stands for an argument that is missing": async (lesson) => {
    const { io, connect } = await lesson.server();
    const came = [];
    io.on("connection", (socket) => socket.on("move", (x, y) => came.push([x, y])));
    const [alice] = await connect({});
    alice.emit("move", [3, 4]);
    await lesson.settled(alice);
    assert.deepEqual(came, [[[3, 4], undefined]]);
  },

  "who asks is answered, and who does not is not": async (lesson) => {
    const { io, connect } = await lesson.server();
    await lesson.run(2, { io });
    const [alice, bob] = await connect({}, {});
    assert.equal(await alice.emitWithAck("shout", "hello"), "HELLO");
    alice.emit("shout", "hello");
    await lesson.settled(alice, bob);
    assert.deepEqual([...alice.heard, ...bob.heard], []);
  },

  "one is asked for a name, and everyone hears it": async (lesson) => {
    const { io, connect } = await lesson.server();
    await lesson.run(3, { io });
    const [alice, bob] = await connect({}, {});
    alice.on("name?", (answer) => answer("Alice the Great"));
    alice.emit("hello");
    const heard = (socket) => socket.heard.filter(([event]) => event === "joined");
    await lesson.until(() => heard(alice).length && heard(bob).length, "a joined");
    assert.deepEqual(heard(alice), [["joined", "Alice the Great"]]);
    assert.deepEqual(bob.heard, [["joined", "Alice the Great"]]);
  },

  "a call that nobody answers ends when it is told to": async (lesson) => {
    const { connect } = await lesson.server();
    const [socket] = await connect({});
    const began = performance.now();
    await assert.rejects(lesson.run(4, { socket }, "answer"), /timed out/);
    assert.ok(performance.now() - began > 450);
  },

  "a call without a time waits until the connection ends": async (lesson) => {
    const { connect } = await lesson.server();
    const [alice, bob] = await connect({}, {});
    const ends = [];
    const noted = alice.emitWithAck("mvoe", 3, 4).catch((error) => ends.push(error.message));
    await lesson.settled(alice, bob);
    assert.deepEqual(ends, []);
    alice.disconnect();
    await noted;
    assert.deepEqual(ends, ["socket has been disconnected"]);
  },

  "a call is answered in time": async (lesson) => {
    const { io, connect } = await lesson.server();
    io.on("connection", (socket) => socket.on("mvoe", (x, y, answer) => answer(x + y)));
    const [socket] = await connect({});
    assert.deepEqual(await lesson.run(4, { socket }, "answer"), { answer: 7 });
  },

  "a client stays silent on a question that it has no handler for": async (lesson) => {
    const { io, connect } = await lesson.server();
    await connect({});
    const [socket] = io.sockets.sockets.values();
    await assert.rejects(socket.timeout(200).emitWithAck("weather?"), /timed out/);
  },

  "handlers that wait do not wait for each other": async (lesson) => {
    const { io, connect } = await lesson.server();
    const through = [];
    io.on("connection", (socket) => {
      socket.on("note", async (text, questions) => {
        for (let n = 0; n < questions; n += 1) await socket.emitWithAck("name?");
        through.push(text);
      });
    });
    const [alice] = await connect({});
    alice.on("name?", (answer) => answer("Alice"));
    ["first", "second", "third"].forEach((text, n) => alice.emit("note", text, 2 - n));
    await lesson.until(() => through.length === 3, "three notes");
    assert.deepEqual(through, ["third", "second", "first"]);
  },

  "onAny gets every event": async (lesson) => {
    const { io, connect } = await lesson.server();
    const came = [];
    io.on("connection", (socket) => {
      socket.on("greet", () => {});
      socket.onAny((event) => came.push(event));
    });
    const [alice] = await connect({});
    alice.emit("greet", "Alice");
    alice.emit("mvoe");
    await lesson.settled(alice);
    assert.deepEqual(came, ["greet", "mvoe"]);
  },
};
