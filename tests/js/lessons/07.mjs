import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export const scenes = {
  "a callback is called later, and emitWithAck waits": async (lesson) => {
    const { io, connect } = await lesson.server();
    io.on("connection", (socket) => {
      socket.on("price", (what, answer) => answer({ bread: 3, cake: 12 }[what]));
    });
    const [socket] = await connect({});
    const console = lesson.console();
    await lesson.run(0, { socket, console });
    assert.deepEqual(console.lines, ["emit has returned", "callback: 12", "call: 3"]);
  },

  "a limited wait ends with an error": async (lesson) => {
    const { io, connect } = await lesson.server();
    let late;
    io.on("connection", (socket) => socket.on("bake", (what, answer) => (late = answer)));
    const [socket] = await connect({});
    const console = lesson.console();
    await lesson.run(1, { socket, console });
    assert.deepEqual(console.lines, ["operation has timed out"]);
    late("done"); // and nobody minds
    await lesson.settled(socket);
  },

  "emitWithAck alone sets no limit": async (lesson) => {
    const { connect } = await lesson.server();
    const [socket] = await connect({});
    const race = [socket.emitWithAck("bake", "bread"), lesson.settled(socket)];
    assert.equal(await Promise.race(race), undefined);
  },

  "who asks is answered, and who does not is not": async (lesson) => {
    const { io, connect } = await lesson.server();
    await lesson.run(2, { io });
    const [socket] = await connect({});
    assert.deepEqual(await socket.emitWithAck("price", "cake"), { ok: true, price: 12 });
    assert.deepEqual(await socket.emitWithAck("price", "pizza"), {
      ok: false,
      error: "There is no pizza here.",
    });
    socket.emit("price", "pizza");
    await lesson.settled(socket);
    assert.deepEqual(socket.heard, []);
    assert.ok(socket.connected);
  },

  "a wrapper answers whatever comes": async (lesson) => {
    const { io, connect } = await lesson.server();
    const { answered } = await lesson.run(3, {}, "answered");
    const seen = [];
    io.on("connection", (socket) => {
      const price = (what) => {
        seen.push(what);
        if (what !== "bread") throw new Error(`There is no ${what} here.`);
        return 3;
      };
      socket.on("price", answered(price));
    });
    const [socket] = await connect({});
    assert.deepEqual(await socket.emitWithAck("price", "bread"), { ok: true, answer: 3 });
    assert.deepEqual(await socket.emitWithAck("price", "pizza"), {
      ok: false,
      error: "There is no pizza here.",
    });
    socket.emit("price", "pizza"); // nobody asks, and nothing breaks
    // A missing argument raises nothing by itself; the acknowledgement is the first one then.
    assert.equal((await socket.emitWithAck("price")).ok, false);
    assert.deepEqual(seen, ["bread", "pizza", "pizza", undefined]);
  },

  "a chain keeps the order of one socket, and nobody waits for another": async (lesson) => {
    const { io, connect } = await lesson.server();
    const failures = lesson.console();
    const note = async (socket, text) => {
      const checked = await socket.emitWithAck("check", text);
      if (checked === "no") throw new Error(`${text} is not noted`);
      io.emit("noted", checked);
    };
    await lesson.run(4, { io, note, console: failures });
    const [alice, bob] = await connect({}, {});
    const rounds = { one: 5, two: 0, three: 2 };
    alice.on("check", async (text, answer) => {
      for (let round = 0; round < (rounds[text] ?? 0); round += 1) await lesson.settled(alice);
      answer(text === "bad" ? "no" : text.toUpperCase());
    });
    let release;
    bob.on("check", (text, answer) => (release = () => answer(text)));

    bob.emit("note", "bob's");
    await lesson.until(() => release, "bob to be asked");
    for (const text of ["one", "two", "bad", "three"]) alice.emit("note", text);
    const noted = () => alice.heard.filter(([event]) => event === "noted").map(([, text]) => text);
    await lesson.until(() => noted().length === 3, "alice's notes");
    assert.deepEqual(noted(), ["ONE", "TWO", "THREE"]);
    assert.equal(failures.lines.length, 1); // a failure does not break the chain
    release();
    await lesson.until(() => noted().includes("bob's"), "bob's note");
  },

  "an error that a handler does not catch ends the process": async (lesson) => {
    // In a process of its own, or it would be this one.
    const server = `
      import { Server } from "socket.io";
      import { io as connectTo } from "socket.io-client";
      const io = new Server(0, { transports: ["websocket"] });
      io.on("connection", (socket) => socket.on("price", () => { throw new Error("no pizza"); }));
      const { port } = io.httpServer.address();
      const socket = connectTo("http://127.0.0.1:" + port, { transports: ["websocket"] });
      socket.on("connect", () => socket.emit("price"));
      setTimeout(() => process.exit(0), 4000);
    `;
    const options = { cwd: fileURLToPath(new URL(".", import.meta.url)), encoding: "utf8" };
    const end = spawnSync(process.execPath, ["--input-type=module", "-e", server], options);
    assert.equal(end.status, 1, end.stderr);
    assert.match(end.stderr, /no pizza/);
  },
};
