// What the chat of a lesson can do, as a page with the official client finds it: the lesson's number
// is in LESSON, and the program listens at CHAT_URL.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { io } from "socket.io-client";
import { TIMEOUT } from "./waiting.mjs";

const { CHAT_URL, LESSON } = process.env;

let sockets = [];
afterEach(() => {
  for (const socket of sockets) socket.disconnect();
  sockets = [];
});

async function enter(auth) {
  const socket = io(CHAT_URL, { auth, forceNew: true, reconnection: false });
  socket.heard = [];
  socket.onAny((...event) => socket.heard.push(event));
  sockets.push(socket);
  await hears(socket, "welcome");
  return socket;
}

async function hears(socket, event) {
  const end = performance.now() + TIMEOUT;
  while (!named(socket, event).length) {
    assert.ok(performance.now() < end, `waited in vain for ${event}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const named = (socket, event) => socket.heard.filter(([name]) => name === event);
const ask = (socket, ...event) => socket.timeout(TIMEOUT).emitWithAck(...event);
const since = (lesson, name, check) => LESSON >= lesson && test(name, check);

since("01", "a newcomer is welcomed, when it knows its id", async () => {
  const alice = await enter();
  assert.deepEqual(named(alice, "welcome"), [["welcome", `Welcome to the server ${alice.id}`]]);
});

since("02", "a message is acknowledged", async () => {
  const alice = await enter();
  assert.deepEqual(await ask(alice, "message", { text: "hi" }), { ok: true });
});

since("03", "everyone hears a message, and the others of a newcomer", async () => {
  const [alice, bob] = [await enter(), await enter()];
  await hears(alice, "broadcast");
  assert.deepEqual(named(alice, "broadcast"), [["broadcast", `${bob.id} joined the server`]]);
  await ask(alice, "message", { text: "hi" });
  for (const socket of [alice, bob]) {
    await hears(socket, "recieve-message");
    assert.equal(named(socket, "recieve-message")[0][1].text, "hi");
  }
  assert.deepEqual(named(bob, "broadcast"), []);
});

since("04", "a message to a room reaches the others in it", async () => {
  const [alice, bob, carol] = [await enter(), await enter(), await enter()];
  await ask(alice, "join-room", "red");
  await ask(bob, "join-room", "red");
  await ask(alice, "message", { room: "red", text: "psst" });
  await ask(alice, "message", { text: "to all" });
  for (const socket of [alice, bob, carol]) await hears(socket, "recieve-message");
  assert.deepEqual(
    [alice, bob, carol].map((socket) => named(socket, "single-message").length),
    [0, 1, 0],
  );
});

since("05", "a message to a user reaches all their tabs", async () => {
  const alice = await enter({ userId: 1 });
  const tabs = [await enter({ userId: 2 }), await enter({ userId: 2 })];
  const carol = await enter();
  await ask(alice, "message", { user: 2, text: "lunch?" });
  await ask(alice, "message", { text: "to all" });
  for (const socket of [...tabs, carol]) await hears(socket, "recieve-message");
  for (const tab of tabs) assert.equal(named(tab, "single-message")[0][1].text, "lunch?");
  assert.deepEqual(named(carol, "single-message"), []);
});
