// What the page of the chat does with what it hears, in a page without a browser, and with a server
// that says what a test tells it to say.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, test } from "node:test";
import { Script } from "node:vm";
import { JSDOM } from "jsdom";

const FOLDER = new URL("../../chatlib/page/", import.meta.url);
const read = (name) => readFileSync(new URL(name, FOLDER), "utf8");
const HTML = read("index.html");
const SCRIPTS = ["page.js", "classroom.js"].map((name) => new Script(read(name), { filename: name }));

// The part of the official client that the page uses.
class FakeSocket {
  #handlers = new Map();
  id = "~me";
  connected = false;
  active = false;
  sent = []; // [event, data, answer], until each is answered

  constructor(options) {
    this.options = options;
  }

  on(event, handler) {
    this.#handlers.set(event, [...(this.#handlers.get(event) ?? []), handler]);
  }

  says(event, ...data) {
    for (const handler of this.#handlers.get(event) ?? []) handler(...data);
  }

  connect() {
    this.active = true;
    this.options.auth((auth) => (this.auth = auth));
    return this;
  }

  disconnect() {
    this.connected = this.active = false;
    return this;
  }

  timeout() {
    return {
      emitWithAck: (event, data) =>
        new Promise((resolve, reject) => this.sent.push({ event, data, resolve, reject })),
    };
  }

  accepts() {
    this.connected = true;
    this.says("connect");
  }

  refuses(message) {
    this.active = false;
    this.says("connect_error", new Error(message));
  }

  loses() {
    this.connected = false;
    for (const { reject } of this.sent.splice(0)) reject(new Error("lost"));
    this.says("disconnect", "transport close");
  }

  // Answer what was asked first; return what it was.
  async answers(answer = { ok: true }) {
    const { event, data, resolve } = this.sent.shift();
    resolve(answer);
    await settled();
    return [event, JSON.parse(JSON.stringify(data))];
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
let opened = [];

class Page {
  constructor({ history = true, path = "/", stores } = {}) {
    const html = HTML.replace("{{history}}", history);
    const dom = new JSDOM(html, { url: `http://127.0.0.1${path}`, runScripts: "outside-only" });
    this.window = dom.window;
    opened.push(dom.window);
    for (const [name, value] of Object.entries(stores ?? {})) {
      this.window.localStorage.setItem(name, value);
    }
    this.window.io = (options) => (this.socket = new FakeSocket(options));
    for (const script of SCRIPTS) script.runInContext(dom.getInternalVMContext());
  }

  $(id) {
    return this.window.document.getElementById(id);
  }

  submit(form) {
    this.$(form).dispatchEvent(new this.window.Event("submit", { cancelable: true }));
  }

  comesIn(name = "Alice", passcode = "") {
    this.$("name").value = name;
    this.$("passcode").value = passcode;
    this.submit("join");
  }

  says(text, to = this.$("to").value) {
    this.$("to").value = to;
    this.$("text").value = text;
    this.submit("write");
  }

  joins(room) {
    this.$("room").value = room;
    this.submit("enter");
  }

  hears(...messages) {
    for (const message of messages) {
      const isSingle = message?.room !== undefined || message?.user !== undefined;
      this.socket.says(isSingle ? "single-message" : "recieve-message", message);
    }
  }

  get texts() {
    return [...this.window.document.querySelectorAll("#log .text")].map((text) => text.textContent);
  }

  get notes() {
    return [...this.window.document.querySelectorAll("#log .status")].map((note) => note.textContent);
  }

  get addresses() {
    return [...this.$("to").options].map((option) => option.text);
  }
}

async function inside(options) {
  const page = new Page(options);
  page.comesIn();
  page.socket.accepts();
  await settled();
  return page;
}

const bob = { id: "~bob", userId: "b", name: "Bob" };
const said = (id, text, more) => ({ id, text, from: bob, ...more });

afterEach(() => {
  for (const window of opened) window.close();
  opened = [];
});

test("a newcomer asks for all that the server still has, and later for what is new", async () => {
  const page = await inside();
  assert.equal(page.socket.auth.offset, 0);
  page.hears(said(1, "one"), said(3, "three"));
  page.socket.connect();
  assert.equal(page.socket.auth.offset, 3);
});

test("where nothing is kept, it asks for nothing", async () => {
  const page = await inside({ history: false });
  assert.ok(!("offset" in page.socket.auth));
});

test("a server that came back without a history is asked for nothing more", async () => {
  const page = await inside();
  page.hears(said(1, "one"));
  page.socket.loses();
  page.socket.refuses("This server keeps no history.");
  assert.ok(page.socket.active);
  assert.ok(!("offset" in page.socket.auth));
  page.socket.accepts();
  assert.deepEqual(page.texts, ["one"]);
});

test("what comes twice is shown once", async () => {
  const page = await inside();
  page.hears(said(1, "one"), said(2, "two", { key: "k" }));
  page.hears(said(1, "one"), said(2, "two", { key: "k" }));
  assert.deepEqual(page.texts, ["one", "two"]);
});

test("the same words of the same person are another message", async () => {
  const page = await inside();
  page.hears(said(1, "ha"), said(2, "ha"));
  assert.deepEqual(page.texts, ["ha", "ha"]);
});

test("text alone, which has no id, is shown once as well, however often the wire is cut", async () => {
  const page = await inside();
  page.hears(said(1, "one"), "text", "more", "text");
  for (let times = 0; times < 3; times += 1) {
    page.socket.loses();
    page.socket.connect().accepts();
    page.hears("text", "more", "text");
  }
  page.hears("more", said(5, "five"), "text");
  page.socket.loses();
  page.socket.connect().accepts();
  page.hears("text", "text");
  assert.deepEqual(page.texts, ["one", "text", "more", "text", "more", "five", "text", "text"]);
});

test("of text alone, what is no longer kept is not waited for", async () => {
  const page = await inside();
  page.hears("one", "two", "three");
  page.socket.loses();
  page.socket.connect().accepts();
  page.hears("two", "three", "four", "one");
  assert.deepEqual(page.texts, ["one", "two", "three", "four", "one"]);
});

test("without a history, nothing comes again", async () => {
  const page = await inside({ history: false });
  page.hears("text");
  page.socket.loses();
  page.socket.connect().accepts();
  page.hears("text");
  assert.deepEqual(page.texts, ["text", "text"]);
});

test("one person's key is not another's", async () => {
  const page = await inside({ history: false });
  page.hears({ text: "one", key: 1, from: bob });
  page.hears({ text: "two", key: 1, from: { id: "~carol", userId: "c" } });
  page.hears({ text: "two", key: 1, from: { id: "~another tab", userId: "c" } });
  assert.deepEqual(page.texts, ["one", "two"]);
});

test("without a history, the id in a message is nobody's business", async () => {
  const page = await inside({ history: false });
  page.hears(said(9, "nine"), said(1, "one"), said(1, "one"));
  assert.deepEqual(page.texts, ["nine", "one", "one"]);
});

test("what was missed in several rooms is in one order", async () => {
  const page = await inside();
  page.joins("tea");
  page.hears(said(1, "one"), said(4, "four"), said(6, "six"));
  page.socket.says("broadcast", "~x joined the server");
  page.hears(said(2, "two", { room: "tea" }), said(5, "five", { room: "tea" }));
  assert.deepEqual(page.texts, ["one", "two", "four", "five", "six"]);
});

test("each room has an offset of its own, with which it is joined again", async () => {
  const page = await inside();
  page.joins("tea");
  assert.deepEqual(await page.socket.answers(), ["join-room", { room: "tea", offset: 0 }]);
  page.hears(said(7, "seven", { room: "tea" }), said(8, "eight"), said(9, "nine", { room: "~me" }));
  page.socket.loses();
  page.socket.connect().accepts();
  assert.equal(page.socket.auth.offset, 8);
  assert.deepEqual(await page.socket.answers(), ["join-room", { room: "tea", offset: 7 }]);
});

test("a room that was left is not joined again", async () => {
  const page = await inside();
  page.joins("tea");
  await page.socket.answers();
  page.window.document.querySelector("#rooms button").click();
  assert.deepEqual(await page.socket.answers(), ["leave-room", "tea"]);
  page.socket.loses();
  page.socket.accepts();
  assert.deepEqual(page.socket.sent, []);
});

test("a room that refuses is none of mine", async () => {
  const page = await inside();
  page.joins("~");
  await page.socket.answers({ ok: false, error: "No." });
  assert.equal(page.$("problem").textContent, "No.");
  assert.equal(page.$("rooms").textContent, "");
});

test("another history begins anew, below what is here", async () => {
  const page = await inside();
  page.hears(said(50, "old"));
  page.socket.loses();
  page.socket.connect().accepts();
  page.hears(said(1, "new"), said(2, "newer"));
  assert.deepEqual(page.texts, ["old", "new", "newer"]);
  page.socket.connect();
  assert.equal(page.socket.auth.offset, 2);
});

test("messages go one after the other", async () => {
  const page = await inside();
  page.says("one");
  page.says("two");
  assert.equal(page.socket.sent.length, 1);
  const [, first] = await page.socket.answers({ ok: true, id: 1 });
  const [, second] = await page.socket.answers({ ok: true, id: 2 });
  assert.deepEqual([first.text, second.text], ["one", "two"]);
  assert.notEqual(first.key, second.key);
  assert.deepEqual(page.texts, ["one", "two"]);
});

test("one that was not acknowledged goes again, with its key, before those after it", async () => {
  const page = await inside();
  page.says("one");
  const { key } = page.socket.sent[0].data;
  page.socket.loses();
  await settled();
  page.says("two");
  assert.equal(page.$("waiting").textContent, "2 messages wait for the connection.");
  page.socket.accepts();
  assert.equal(page.socket.sent[0].data.key, key);
  // The first time, it had been heard, and comes back now.
  const { userId } = page.socket.auth;
  page.hears({ id: 1, text: "one", key, from: { id: "~before", userId, name: "Alice" } });
  await page.socket.answers({ ok: true, id: 1 });
  const [, second] = await page.socket.answers({ ok: true, id: 2 });
  assert.equal(second.text, "two");
  assert.deepEqual(page.texts, ["one", "two"]);
  assert.equal(page.$("waiting").textContent, "");
});

test("one that is refused says why, and can be written again", async () => {
  const page = await inside();
  page.says("much");
  await page.socket.answers({ ok: false, error: "Too long." });
  assert.equal(page.$("problem").textContent, "Not sent: Too long.");
  assert.equal(page.$("text").value, "much");
  assert.deepEqual(page.texts, []);
});

test("one that came too fast goes again after a second", async () => {
  const page = await inside();
  page.window.setTimeout = (resume) => resume();
  page.says("one");
  await page.socket.answers({ ok: false, error: "Too fast: 5 messages a second are allowed." });
  const [, again] = await page.socket.answers({ ok: true, id: 1 });
  assert.equal(again.text, "one");
  assert.deepEqual(page.texts, ["one"]);
});

test("it is written to whom was chosen", async () => {
  const page = await inside();
  page.hears(said(1, "hi"));
  page.joins("a b");
  await page.socket.answers();
  assert.deepEqual(page.addresses, ["Everyone", "Room a b", "Only Bob"]);
  for (const [to, address] of [
    ["", {}],
    ["room a b", { room: "a b" }],
    ["user b", { user: "b" }],
  ]) {
    page.says("hi", to);
    const [, { text, key, ...rest }] = await page.socket.answers();
    assert.deepEqual([text, key.length, rest], ["hi", 32, address]);
  }
});

test("no name makes a person look like everyone or like a room", async () => {
  const page = await inside();
  page.joins("tea");
  for (const name of ["Everyone", "Room tea"]) {
    page.hears(said(1, name, { from: { id: `~${name}`, userId: name, name } }));
  }
  assert.equal(new Set(page.addresses).size, page.addresses.length);
  assert.deepEqual(page.addresses, ["Everyone", "Room tea", "Only Everyone", "Only Room tea"]);
});

test("to press a name is to write to that person", async () => {
  const page = await inside();
  page.hears(said(1, "hi"));
  page.window.document.querySelector("#log .from").click();
  assert.equal(page.$("to").value, "user b");
});

test("whoever is chosen stays chosen, so that nothing private goes to everyone", async () => {
  const page = await inside();
  page.joins("tea");
  await page.socket.answers();
  page.window.document.querySelector("#rooms button").click();
  assert.equal(page.$("to").value, "room tea");
  page.hears(said(1, "hi"));
  page.$("to").value = "user b";
  for (let id = 2; id < 300; id += 1) page.hears(said(id, "hi", { from: { id: `~${id}`, userId: id } }));
  assert.equal(page.$("to").value, "user b");
  assert.equal(page.$("to").selectedOptions[0].text, "Only Bob");
  assert.ok(page.addresses.length < 210);
});

test("two tabs with one name are one person, and another name is another person", () => {
  const first = new Page();
  first.comesIn();
  first.socket.accepts();
  const stores = { ...first.window.localStorage };
  const [same, other] = [new Page({ stores }), new Page({ stores })];
  same.comesIn("Alice");
  other.comesIn("Bob");
  assert.equal(same.socket.auth.userId, first.socket.auth.userId);
  assert.notEqual(other.socket.auth.userId, first.socket.auth.userId);
});

test("what is said on another tab of mine is mine", async () => {
  const page = await inside();
  const from = { id: "~other tab", userId: page.socket.auth.userId, name: "Alice" };
  page.hears(said(1, "hi"), { id: 2, text: "psst", user: "b", from });
  const [, mine] = page.window.document.querySelectorAll("#log .where");
  assert.equal(mine.textContent, "to Bob");
  assert.ok(mine.closest(".mine"));
});

test("a passcode is asked for once the server asks for it", () => {
  const page = new Page();
  page.comesIn();
  assert.ok(page.$("needs-passcode").hidden);
  page.socket.refuses("This chat needs a passcode.");
  assert.ok(!page.$("needs-passcode").hidden);
  assert.equal(page.$("refused").textContent, "This chat needs a passcode.");
  page.comesIn("Alice", "open");
  assert.deepEqual({ ...page.socket.auth }, { name: "Alice", passcode: "open", offset: 0 });
});

test("after the session, the token takes the place of the passcode", async () => {
  const page = new Page();
  page.comesIn("Alice", "open");
  page.socket.accepts();
  page.socket.says("session", { userId: "a", token: "t" });
  page.socket.connect();
  assert.deepEqual({ ...page.socket.auth }, { name: "Alice", userId: "a", token: "t", offset: 0 });
});

test("where the token has become worthless, the passcode still helps", () => {
  const page = new Page();
  page.comesIn("Alice", "open");
  page.socket.accepts();
  page.socket.says("session", { userId: "a", token: "t" });
  page.socket.loses();
  page.socket.refuses("The token is not valid.");
  assert.ok(page.socket.active);
  assert.deepEqual({ ...page.socket.auth }, { name: "Alice", passcode: "open", offset: 0 });
});

test("the passcode may come with the link", () => {
  const page = new Page({ path: "/#passcode=a%26b%20c" });
  assert.equal(page.$("passcode").value, "a&b c");
  assert.ok(!page.$("needs-passcode").hidden);
});

test("the socket is where the page is", () => {
  const page = new Page({ path: "/user/ann/proxy/8000/?x=1#y" });
  assert.equal(page.socket.options.path, "/user/ann/proxy/8000/socket.io/");
});

test("a lost connection is said, and a goodbye is the end", async () => {
  const page = await inside();
  page.socket.loses();
  assert.match(page.$("state").textContent, /trying again/);
  page.socket.accepts();
  assert.equal(page.$("state").textContent, "connected");
  page.socket.active = page.socket.connected = false;
  page.socket.says("disconnect", "io server disconnect");
  assert.equal(page.$("problem").textContent, "The server has ended the connection.");
  page.$("again").click();
  assert.ok(page.socket.active);
});

test("whatever comes is shown as text, and nothing keeps the next message from being heard", async () => {
  const markup = "<img src=x onerror=alert(1)><script>alert(1)</script>";
  const strange = [
    markup,
    { text: markup, from: { id: markup, name: markup } },
    { text: "x", room: markup, from: { id: "~x", userId: markup, name: "" } },
    { text: { toString: 1 }, from: bob },
    { key: { toString: 1, valueOf: 1 }, from: bob },
    { text: "x", from: bob, key: null, id: "1" },
    { __proto__: null, constructor: 1, from: { id: "~x", userId: 0 } },
    { id: -1, text: "", from: bob },
    { id: 1.5, text: "\u202e\u0000\n", from: bob },
    [[], {}],
    null,
    0,
    true,
    undefined,
    new ArrayBuffer(2),
  ];
  for (const history of [true, false]) {
    const page = await inside({ history });
    for (const message of strange) {
      page.socket.says("recieve-message", message);
      page.socket.says("single-message", message);
    }
    page.socket.says("broadcast", markup);
    page.hears(said(1, "the next"));
    assert.equal(page.texts.at(-1), "the next");
    assert.equal(page.window.document.querySelector("main img, main script"), null);
    assert.equal(page.texts[0], markup);
  }
});

test("the log does not grow without end", async () => {
  const page = await inside({ history: false });
  for (let number = 0; number < 2100; number += 1) page.hears({ text: `${number}`, from: bob });
  assert.equal(page.$("log").childElementCount, 2000);
  assert.equal(page.texts.at(-1), "2099");
});

// -- a class --

const classroom = {
  title: "Tea",
  instructor: { userId: "instructor", name: "Ms Tea" },
  room: null,
  hand: false,
  poll: null,
};
const poll = { id: 3, poll: 1, question: "Milk?", options: ["yes", "<b>no"] };

test("only a class shows what a class has", async () => {
  const page = await inside();
  assert.ok(page.$("classroom").hidden);
  page.socket.says("classroom", classroom);
  assert.ok(!page.$("classroom").hidden);
  assert.equal(page.$("title").textContent, "Tea");
  page.$("ask").click();
  assert.equal(page.$("to").value, "user instructor");
});

test("a poll is answered, and its result is shown", async () => {
  const page = await inside();
  page.socket.says("classroom", classroom);
  page.socket.says("poll", poll);
  const [yes, no] = page.$("poll").querySelectorAll("button");
  assert.equal(no.textContent, "<b>no");
  yes.click();
  assert.deepEqual(await page.socket.answers(), ["answer", { poll: 1, option: 0 }]);
  assert.deepEqual([yes.ariaPressed, no.ariaPressed].map(String), ["true", "false"]);
  page.socket.says("poll-closed", { ...poll, id: 4, counts: [3, 1] });
  assert.equal(page.$("poll").textContent, "Milk?yes: 3<b>no: 1");
  assert.deepEqual(page.notes, ["Poll: Milk?", "The poll is closed. Milk? yes 3, <b>no 1"]);
  page.socket.connect();
  assert.equal(page.socket.auth.offset, 4);
});

test("a poll that comes again is no other poll", async () => {
  const page = await inside();
  page.socket.says("poll", poll);
  page.socket.says("poll", poll);
  page.socket.says("classroom", { ...classroom, poll: { ...poll, answer: 1 } });
  assert.deepEqual(page.notes, ["Poll: Milk?"]);
  assert.equal(String(page.$("poll").querySelectorAll("button")[1].ariaPressed), "true");
});

test("a hand is raised on all tabs", async () => {
  const page = await inside();
  page.$("hand").click();
  page.socket.says("hand", { raised: true });
  assert.deepEqual(await page.socket.answers(), ["hand", { raised: true }]);
  assert.equal(page.$("hand").textContent, "Lower hand");
  page.socket.says("hand", { raised: false });
  assert.equal(page.$("hand").textContent, "Raise hand");
});

test("a breakout room is one that I am put into", async () => {
  const page = await inside();
  page.socket.says("classroom", classroom);
  page.socket.says("breakout", { room: "Blue" });
  assert.equal(page.$("to").value, "room Blue");
  assert.deepEqual(page.socket.sent, []);
  page.hears(said(8, "here", { room: "Blue" }));
  page.socket.loses();
  page.socket.connect().accepts();
  assert.deepEqual(page.socket.sent, []);
  page.socket.says("classroom", { ...classroom, room: "Blue" });
  assert.deepEqual(await page.socket.answers(), ["join-room", { room: "Blue", offset: 8 }]);
  page.$("text").value = "typing";
  page.socket.says("breakout", { room: null });
  assert.equal(page.$("rooms").textContent, "");
  assert.equal(page.$("to").value, "room Blue");
});

test("whoever is removed is told why, and does not come back by itself", async () => {
  const page = await inside();
  page.socket.says("removed", { reason: "You were removed from this class." });
  page.socket.says("disconnect", "io client disconnect");
  assert.equal(page.$("problem").textContent, "You were removed from this class.");
  assert.ok(!page.socket.active);
});
