import assert from "node:assert/strict";

export const scenes = {
  "everyone hears the greeting, and the server prints the name": async (lesson) => {
    const { io, connect } = await lesson.server();
    const console = lesson.console();
    await lesson.run(0, { io, console });
    const [alice, bob] = await connect({}, {});
    alice.emit("hello", "bob");
    await lesson.settled(alice, bob);
    assert.deepEqual(console.lines, ["the server got: bob"]);
    assert.deepEqual(alice.heard, [["greeting", "hello, bob"]]);
    assert.deepEqual(bob.heard, [["greeting", "hello, bob"]]);
  },

  "a page listens and sends": async (lesson) => {
    const { io, url } = await lesson.server();
    await lesson.run(0, { io, console: lesson.console() });
    const console = lesson.console();
    await lesson.run(1, { io: lesson.browser(url), console });
    await lesson.until(() => console.lines.length, "the greeting");
    assert.deepEqual(console.lines, ["I heard: hello, bob"]);
  },
};
