// A scene for the tests of blocks.mjs itself.

import assert from "node:assert/strict";

export const scenes = {
  "a block that answers": async (lesson) => {
    const { io, connect } = await lesson.server();
    const failures = [];
    io.on("connection", (socket) => {
      lesson.run(0, { socket }).catch((error) => failures.push(error));
    });
    const [alice, bob] = await connect({}, {});
    alice.emit("me", "hi");
    await lesson.settled(alice, bob);
    assert.deepEqual(failures, []);
    assert.deepEqual(alice.heard, [["news", "hi"]]);
    assert.deepEqual(bob.heard, []);
  },
};
