import assert from "node:assert/strict";

// Start a server with one of the lesson's blocks, let the first of three clients emit, and return
// what each of the three has heard.
async function heardAfter(lesson, block, ...event) {
  const { io, connect } = await lesson.server();
  await lesson.run(block, { io });
  const clients = await connect({}, {}, {});
  clients[0].emit(...event);
  await lesson.settled(...clients);
  return clients.map((client) => client.heard);
}

const NEWS = [["news", "hi"]];

export const scenes = {
  "everyone hears it, the sender too": async (lesson) => {
    assert.deepEqual(await heardAfter(lesson, 0, "everyone", "hi"), [NEWS, NEWS, NEWS]);
  },

  "only the sender hears it": async (lesson) => {
    assert.deepEqual(await heardAfter(lesson, 1, "me", "hi"), [NEWS, [], []]);
  },

  "everyone but the sender hears it": async (lesson) => {
    assert.deepEqual(await heardAfter(lesson, 2, "others", "hi"), [[], NEWS, NEWS]);
  },

  "no address but an empty list is everyone": async (lesson) => {
    const { io, connect } = await lesson.server();
    const clients = await connect({}, {});
    await lesson.run(3, { io });
    await lesson.settled(...clients);
    const everyone = [["news", "everyone hears this"]];
    assert.deepEqual(clients.map((client) => client.heard), [everyone, everyone]);
  },

  "a broadcast is answered by all": async (lesson) => {
    const { io, connect } = await lesson.server();
    const clients = await connect({}, {});
    clients.forEach((client, n) => client.on("ready?", (answer) => answer(`client ${n}`)));
    const { answers } = await lesson.run(4, { io }, "answers");
    assert.deepEqual(answers.sort(), ["client 0", "client 1"]);
  },

  "a broadcast that one does not answer is an error": async (lesson) => {
    const { io, connect } = await lesson.server();
    const [alice] = await connect({}, {});
    alice.on("ready?", (answer) => answer("yes"));
    await assert.rejects(lesson.run(4, { io }, "answers"), /timed out/);
  },
};
