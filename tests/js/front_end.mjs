// A front end as one would write it for the notes' back end, with the official client and nothing
// else, and what its users expect of it. It runs against the server at CHAT_URL, with CHAT_TRANSPORT
// as the only transport if there is one.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { io } from "socket.io-client";
import { TIMEOUT } from "./waiting.mjs";

const { CHAT_URL, CHAT_TRANSPORT } = process.env;

class FrontEnd {
  #arrived = () => {};

  constructor(auth) {
    this.heard = [];
    this.socket = io(CHAT_URL, {
      auth,
      forceNew: true,
      reconnection: false,
      // Without the option, as in a browser: polling first, then the upgrade to a WebSocket.
      ...(CHAT_TRANSPORT && { transports: [CHAT_TRANSPORT] }),
    });
    for (const event of ["welcome", "broadcast", "recieve-message", "single-message"]) {
      this.socket.on(event, (data) => this.#note(event, data));
    }
    this.socket.on("disconnect", (reason) => this.#note("disconnect", reason));
  }

  get id() {
    return this.socket.id;
  }

  connected() {
    return within("the connection", (resolve, reject) => {
      this.socket.on("connect", resolve);
      this.socket.on("connect_error", reject);
    });
  }

  upgraded() {
    const { engine } = this.socket.io;
    return within("the upgrade", (resolve) => {
      if (engine.transport.name === "websocket") resolve();
      engine.once("upgrade", resolve);
    });
  }

  #note(event, data) {
    this.heard.push([event, data]);
    this.#arrived();
  }

  // Wait until an event has come; for text, with this text.
  hears(event, text) {
    const isIt = ([name, data]) => name === event && (text === undefined || data === text);
    return within(`${event} ${text ?? ""}`, (resolve) => {
      this.#arrived = () => this.heard.some(isIt) && resolve();
      this.#arrived();
    });
  }

  named(event) {
    return this.heard.filter(([name]) => name === event).map(([, data]) => data);
  }

  ask(event, ...data) {
    return this.socket.timeout(TIMEOUT).emitWithAck(event, ...data);
  }
}

function within(what, executor) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited in vain for ${what}`)), TIMEOUT);
  });
  return Promise.race([new Promise(executor), late]).finally(() => clearTimeout(timer));
}

// Socket.IO keeps the order of one connection: once everyone has heard this, all before it is here.
let settled = 0;
async function settle(...people) {
  const mark = `settled ${(settled += 1)}`;
  await people[0].ask("message", mark);
  for (const person of people) {
    await person.hears("recieve-message", mark);
    person.heard = person.heard.filter(([, data]) => data !== mark);
  }
}

let room = [];
async function enter(auth) {
  const person = new FrontEnd(auth);
  room.push(person);
  await person.connected();
  await person.hears("welcome");
  for (const other of room.filter((other) => other !== person && other.socket.connected)) {
    await other.hears("broadcast", `${person.id} joined the server`);
  }
  return person;
}

async function quiet(...people) {
  await settle(...people);
  for (const person of people) person.heard = [];
}

afterEach(() => {
  for (const person of room) person.socket.disconnect();
  room = [];
});

test("the newcomer is welcomed by its id", async () => {
  const alice = await enter();
  assert.deepEqual(alice.heard, [["welcome", `Welcome to the server ${alice.id}`]]);
});

test("connect comes before welcome", async () => {
  const alice = new FrontEnd();
  room.push(alice);
  const order = [];
  alice.socket.on("connect", () => order.push("connect"));
  alice.socket.on("welcome", () => order.push("welcome"));
  await alice.hears("welcome");
  assert.deepEqual(order, ["connect", "welcome"]);
});

test("everyone else is told, the newcomer is not", async () => {
  const alice = await enter();
  const bob = await enter();
  await settle(alice, bob);
  assert.deepEqual(alice.named("broadcast"), [`${bob.id} joined the server`]);
  assert.deepEqual(bob.named("broadcast"), []);
});

test("it ends up on a WebSocket, by an upgrade unless it began as one", async () => {
  const alice = new FrontEnd();
  room.push(alice);
  const { transport } = alice.socket.io.engine;
  assert.equal(transport.name, CHAT_TRANSPORT ?? "polling");
  await alice.hears("welcome");
  await alice.upgraded();
  assert.equal(alice.socket.io.engine.transport.name, "websocket");
  assert.deepEqual(await alice.ask("join-room", "tea"), { ok: true, room: "tea" });
});

test("a message to a room reaches its other members", async () => {
  const [alice, bob, carol] = [await enter(), await enter(), await enter()];
  assert.deepEqual(await alice.ask("join-room", "tea"), { ok: true, room: "tea" });
  assert.deepEqual(await bob.ask("join-room", "tea"), { ok: true, room: "tea" });
  await quiet(alice, bob, carol);
  assert.deepEqual(await alice.ask("message", { room: "tea", text: "hi" }), { ok: true });
  await settle(alice, bob, carol);
  const message = { room: "tea", text: "hi", from: { id: alice.id } };
  assert.deepEqual(bob.heard, [["single-message", message]]);
  assert.deepEqual(alice.heard, []);
  assert.deepEqual(carol.heard, []);
});

test("an emit without a callback, as in the notes, works too", async () => {
  const [alice, bob] = [await enter(), await enter()];
  bob.socket.emit("join-room", 2);
  await quiet(bob, alice);
  alice.socket.emit("message", { room: 2, text: "hi" });
  await bob.hears("single-message");
  assert.deepEqual(bob.named("single-message"), [{ room: 2, text: "hi", from: { id: alice.id } }]);
});

test("who left a room hears no more of it", async () => {
  const [alice, bob] = [await enter(), await enter()];
  await bob.ask("join-room", "tea");
  assert.deepEqual(await bob.ask("leave-room", "tea"), { ok: true, room: "tea" });
  await quiet(alice, bob);
  await alice.ask("message", { room: "tea" });
  await settle(alice, bob);
  assert.deepEqual(bob.heard, []);
});

test("a message to a socket's id reaches that socket alone", async () => {
  const [alice, bob, carol] = [await enter(), await enter(), await enter()];
  await quiet(alice, bob, carol);
  assert.deepEqual(await alice.ask("message", { room: bob.id, text: "hi" }), { ok: true });
  await settle(alice, bob, carol);
  const message = { room: bob.id, text: "hi", from: { id: alice.id } };
  assert.deepEqual(bob.heard, [["single-message", message]]);
  assert.deepEqual(alice.heard, []);
  assert.deepEqual(carol.heard, []);
});

test("a message to a user reaches both tabs, and the sender's own other tab", async () => {
  const alice = await enter({ userId: 1, name: "Alice" });
  const alicesTab = await enter({ userId: 1, name: "Alice" });
  const [bob, bobsTab] = [await enter({ userId: 2 }), await enter({ userId: 2 })];
  const carol = await enter({ userId: 3 });
  const everyone = [alice, alicesTab, bob, bobsTab, carol];
  await quiet(...everyone);
  assert.deepEqual(await alice.ask("message", { user: 2, text: "hi" }), { ok: true });
  await settle(...everyone);
  const from = { id: alice.id, userId: 1, name: "Alice" };
  const heard = [["single-message", { user: 2, text: "hi", from }]];
  assert.deepEqual(bob.heard, heard);
  assert.deepEqual(bobsTab.heard, heard);
  assert.deepEqual(alicesTab.heard, heard);
  assert.deepEqual(alice.heard, []);
  assert.deepEqual(carol.heard, []);
});

test("a message without an address reaches everyone, the sender too", async () => {
  const [alice, bob] = [await enter(), await enter()];
  await quiet(alice, bob);
  assert.deepEqual(await alice.ask("message", { text: "hi" }), { ok: true });
  await settle(alice, bob);
  const heard = [["recieve-message", { text: "hi", from: { id: alice.id } }]];
  assert.deepEqual(alice.heard, heard);
  assert.deepEqual(bob.heard, heard);
});

test("a message to the others leaves the sender out", async () => {
  const [alice, bob, carol] = [await enter(), await enter(), await enter()];
  await quiet(alice, bob, carol);
  assert.deepEqual(await alice.ask("message", { others: true, text: "hi" }), { ok: true });
  await settle(alice, bob, carol);
  const heard = [["recieve-message", { others: true, text: "hi", from: { id: alice.id } }]];
  assert.deepEqual(alice.heard, []);
  assert.deepEqual(bob.heard, heard);
  assert.deepEqual(carol.heard, heard);
});

test("what is not an object arrives as it was sent", async () => {
  const [alice, bob] = [await enter(), await enter()];
  await quiet(alice, bob);
  const sent = ["hi", 7, true, null, ["a", { b: 1.5 }], Buffer.from([0, 255])];
  for (const data of sent) assert.deepEqual(await alice.ask("message", data), { ok: true });
  await settle(alice, bob);
  assert.deepEqual(bob.named("recieve-message"), sent);
});

test("bytes inside a message arrive, beside the sender", async () => {
  const [alice, bob] = [await enter(), await enter()];
  await quiet(alice, bob);
  const file = Buffer.from("a picture");
  assert.deepEqual(await alice.ask("message", { room: bob.id, files: [file, file] }), { ok: true });
  await settle(alice, bob);
  const [data] = bob.named("single-message");
  assert.deepEqual(data, { room: bob.id, files: [file, file], from: { id: alice.id } });
});

test("from cannot be forged", async () => {
  const [alice, bob] = [await enter(), await enter()];
  await alice.ask("message", { room: bob.id, from: { id: "bob", userId: 2 } });
  await settle(alice, bob);
  assert.deepEqual(bob.named("single-message")[0].from, { id: alice.id });
});

test("bad input is acknowledged with a sentence, and the connection lives", async () => {
  const alice = await enter();
  const error = "room must be non-empty text or a number.";
  assert.deepEqual(await alice.ask("join-room", ""), { ok: false, error });
  assert.deepEqual(await alice.ask("message", { room: null }), { ok: false, error });
  // JSON.stringify writes null for what JSON does not have.
  assert.deepEqual(await alice.ask("join-room", NaN), { ok: false, error });
  assert.match((await alice.ask("nonsense")).error, /^There is no such event here/);
  assert.deepEqual(await alice.ask("message", "hi"), { ok: true });
});

test("a refused client gets the sentence in connect_error", async () => {
  const bob = new FrontEnd({ userId: true });
  room.push(bob);
  await assert.rejects(bob.connected(), {
    message: "userId must be non-empty text or a number.",
  });
  assert.deepEqual(bob.heard, []);
});

test("nobody can write what makes another client's parser give up", async () => {
  const alice = await enter();
  const url = `${CHAT_URL.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`;
  const { default: WebSocket } = await import("ws");
  const mallory = new WebSocket(url);
  const frames = [];
  mallory.on("message", (frame, binary) => frames.push(binary ? frame : String(frame)));
  await within("mallory", (resolve) => mallory.once("open", resolve));
  mallory.send("40");
  await alice.hears("broadcast");
  mallory.send('42["message",{"x":NaN}]');
  mallory.send('42["message",{"x":1e999}]');
  mallory.send('451-["message",{"a":{"_placeholder":true},"b":{"_placeholder":true,"num":0}}]');
  mallory.send(Buffer.from("b"));
  mallory.send('42["message","done"]');
  await alice.hears("recieve-message", "done");
  mallory.close();
  assert.deepEqual(alice.named("recieve-message"), ["done"]);
  assert.deepEqual(alice.named("disconnect"), []);
});

test("who leaves knows it", async () => {
  const alice = await enter();
  alice.socket.disconnect();
  await alice.hears("disconnect", "io client disconnect");
});
