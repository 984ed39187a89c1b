import assert from "node:assert/strict";

export const scenes = {
  "the handler of `connection` is given a socket with its id": async (lesson) => {
    const { io, connect } = await lesson.server();
    const console = lesson.console();
    await lesson.run(0, { io, console });
    const [alice, bob] = await connect({}, {});
    assert.deepEqual(console.lines, [`here comes ${alice.id}`, `here comes ${bob.id}`]);
    await lesson.settled(alice, bob);
    assert.deepEqual(alice.heard, []);
  },

  "`on` adds a handler beside the first": async (lesson) => {
    const { io, connect } = await lesson.server();
    const console = lesson.console();
    await lesson.run(0, { io, console });
    await lesson.run(0, { io, console });
    const [alice] = await connect();
    assert.deepEqual(console.lines, Array(2).fill(`here comes ${alice.id}`));
  },

  "a client has `connect` and `disconnect`, and leaves of its own accord": async (lesson) => {
    const { url } = await lesson.server();
    const console = lesson.console();
    const { socket } = await lesson.run(1, { io: lesson.browser(url), console }, "socket");
    await lesson.until(() => socket.connected, "the connection");
    const { id } = socket;
    socket.disconnect();
    assert.deepEqual(console.lines, [`I am ${id}`, "I am disconnected: io client disconnect"]);
  },

  "the door lets in who brings the code, and nobody else": async (lesson) => {
    const { io, url, connect } = await lesson.server();
    await lesson.run(2, { io });
    const [alice] = await connect({ auth: { code: "swordfish" } });
    assert.ok(alice.connected);
    const stranger = lesson.browser(url)();
    let error;
    stranger.on("connect_error", (given) => (error = given));
    await lesson.until(() => error, "the refusal");
    assert.equal(error.message, "bad code");
    assert.equal(stranger.connected, false);
  },

  "a client with another code is told, by the event alone": async (lesson) => {
    const { io, url } = await lesson.server();
    await lesson.run(2, { io });
    const console = lesson.console();
    const { socket } = await lesson.run(3, { io: lesson.browser(url), console }, "socket");
    await lesson.until(() => console.lines.length, "the refusal");
    assert.deepEqual(console.lines, ["refused: bad code"]);
    assert.equal(socket.connected, false);
  },

  "the client is connected first and welcomed then": async (lesson) => {
    const { io, url } = await lesson.server();
    await lesson.run(4, { io });
    const socket = lesson.browser(url)({ transports: ["websocket"] });
    const order = [];
    for (const event of ["connect", "welcome"]) socket.on(event, () => order.push(event));
    await lesson.until(() => order.length === 2, "both events");
    assert.deepEqual(order, ["connect", "welcome"]);
  },

  "a server gives an id back after a short break, and not after a reload": async (lesson) => {
    const { io, url } = await lesson.server({ connectionStateRecovery: {} });
    await lesson.run(4, { io });
    const browser = lesson.browser(url);
    const socket = browser({ transports: ["websocket"], reconnectionDelay: 10 });
    // Only a client that has heard something gets its id back.
    await lesson.until(() => socket.heard.length, "the welcome");
    const { id } = socket;
    socket.io.engine.close();
    await lesson.until(() => !socket.connected, "the break");
    await lesson.until(() => socket.connected, "the connection again");
    const reloaded = browser({ transports: ["websocket"] });
    await lesson.until(() => reloaded.connected, "the reloaded page");
    assert.equal(socket.id, id);
    assert.notEqual(reloaded.id, id);
  },
};
