// Runs the blocks of JavaScript in a lesson: `node blocks.mjs NN`, with the blocks as a JSON list on
// standard input. The scenes of lessons/NN.mjs say in what surroundings a block runs, and what has to
// come of it. It ends with 1 where a scene fails, or where a block is in none of them.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { Server } from "socket.io";
import { io as connectTo } from "socket.io-client";
import { TIMEOUT } from "./waiting.mjs";

const LOOK = 5;

const AsyncFunction = (async () => {}).constructor;

class Lesson {
  #closing = [];
  #ran;

  constructor(blocks, ran) {
    this.blocks = blocks;
    this.#ran = ran;
  }

  // Run a block with some names in its scope; return the variables of these names that it makes.
  async run(index, scope = {}, ...names) {
    assert.ok(index in this.blocks, `there is no block ${index}`);
    this.#ran.add(index);
    const source = `"use strict";\n${this.blocks[index]}\n;return { ${names.join(", ")} };`;
    return await new AsyncFunction(...Object.keys(scope), source)(...Object.values(scope));
  }

  // Start a Socket.IO server on a free port.
  async server(options = {}) {
    const http = createServer();
    const io = new Server(http, options);
    await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${http.address().port}`;
    this.#closing.push(() => io.close());
    return { io, url, connect: (...clients) => this.connect(url, ...clients) };
  }

  // Connect clients, one for each object of options, and have them note what they hear.
  async connect(url, ...clients) {
    const sockets = (clients.length ? clients : [{}]).map((options) =>
      this.browser(url)({ transports: ["websocket"], reconnection: false, ...options }),
    );
    for (const socket of sockets) {
      await this.until(() => socket.connected, "a client to be connected");
    }
    return sockets;
  }

  // The function `io` of a page that comes from `url`.
  browser(url) {
    return (...given) => {
      const options = given.find((one) => typeof one === "object") ?? {};
      const path = given.find((one) => typeof one === "string") ?? "/";
      const socket = connectTo(new URL(path, url).href, { forceNew: true, ...options });
      socket.heard = [];
      socket.onAny((...event) => socket.heard.push(event));
      this.#closing.push(() => socket.disconnect());
      return socket;
    };
  }

  // A console that keeps what is written to it, a line each.
  console() {
    const lines = [];
    const write = (...parts) => lines.push(parts.map(String).join(" "));
    return { lines, log: write, error: write, warn: write };
  }

  // Wait until all that was sent before has arrived, and all that came of it.
  async settled(...sockets) {
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(sockets.map((socket) => this.#roundTrip(socket)));
    }
  }

  async until(isTrue, what) {
    const end = performance.now() + TIMEOUT;
    while (!isTrue()) {
      assert.ok(performance.now() < end, `waited ${TIMEOUT} ms for ${what}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK));
    }
  }

  async close() {
    for (const close of this.#closing.reverse()) await close();
  }

  // Connecting to a namespace of nobody's is answered, in order, on the same connection.
  async #roundTrip(socket) {
    const probe = socket.io.socket(`/probe-${Math.random()}`);
    let answered = false;
    probe.on("connect", () => (answered = true));
    probe.on("connect_error", () => (answered = true));
    if (!probe.active) probe.connect();
    await this.until(() => answered || !socket.connected, "a round trip");
    // Not `disconnect`: a connection is closed with the last of its namespaces.
    probe.removeAllListeners();
  }
}

async function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took over ${2 * TIMEOUT} ms`)), 2 * TIMEOUT);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

const blocks = JSON.parse(await text(process.stdin));
const { scenes } = await import(`./lessons/${process.argv[2]}.mjs`);
const ran = new Set();
let failures = 0;

for (const [what, scene] of Object.entries(scenes)) {
  const lesson = new Lesson(blocks, ran);
  try {
    await within(scene(lesson), "the scene");
  } catch (error) {
    failures += 1;
    console.log(`FAILED: ${what}\n${error.stack}\n`);
  }
  await within(lesson.close(), "the end of a scene");
}
for (const index of blocks.keys()) {
  if (ran.has(index)) continue;
  failures += 1;
  console.log(`NOT RUN: block ${index}\n${blocks[index]}\n`);
}
console.log(`${Object.keys(scenes).length} scenes, ${blocks.length} blocks, ${failures} failures`);
process.exit(failures ? 1 : 0);
