// The front end of the chat. What people typed becomes text in the page, never markup.

const TIMEOUT = 10_000; // ms, for an acknowledgement
const MOST_LINES = 2000;
const MOST_PEOPLE = 200;
const HERE = new URL("./", document.baseURI).pathname; // "/", unless a proxy puts the page elsewhere

let me = {}; // {name, userId}, and a token if the server gave one
let passcode = "";
let keepsHistory = document.documentElement.dataset.history === "true";
let isSending = false;

const everyone = { offset: 0 }; // the id of the last message to everyone or to me
const rooms = new Map(); // the same for each room that I am in, by its name
const people = new Map(); // the names of those who have said something, by their addresses
const outbox = []; // what the server has not acknowledged yet, the oldest first
const lines = new Map(); // what the log has, by what tells one message from another
let unnumbered = []; // what has no id, as it is text alone, and was heard since the last one with an id
let expected = []; // the same, as the server says it again after a reconnect

if (!window.io) {
  $("refused").textContent =
    "The Socket.IO client could not be loaded. Is there a connection to the internet?";
}
const socket = io({ path: `${HERE}socket.io/`, autoConnect: false, auth: (give) => give(whoIAm()) });

// -- What the server says --

socket.on("connect", () => {
  expected = [...unnumbered];
  remember();
  showChat();
  for (const room of rooms.keys()) joinRoom(room);
  sendAll();
});

socket.on("session", (session) => {
  Object.assign(me, session);
  remember();
});

socket.on("welcome", (text) => note(text));
socket.on("broadcast", (text) => note(text));
socket.on("recieve-message", (message) => hear(message));
socket.on("single-message", (message) => hear(message));
socket.on("history-gap", () => note("Older messages than these are missing."));

socket.on("disconnect", (reason) => {
  if (socket.active) showState("connection lost, trying again …");
  else if (reason === "io server disconnect") leave("The server has ended the connection.");
});

socket.on("connect_error", ({ message }) => {
  if (socket.active) return showState("no connection, trying again …");
  if (message === "This server keeps no history.") keepsHistory = false;
  else if (me.token && message.includes("token")) me = { name: me.name, userId: randomName() };
  else return showRefusal(message);
  socket.connect();
});

// -- What I say --

function whoIAm() {
  const { name, userId, token } = me;
  const auth = token || !passcode ? { name, userId, token } : { name, passcode };
  return keepsHistory ? { ...auth, offset: everyone.offset } : auth;
}

// Returns the acknowledgement, or nothing if it did not come: nobody knows what was heard then.
function ask(event, data) {
  return socket.timeout(TIMEOUT).emitWithAck(event, data).catch(() => {});
}

async function joinRoom(room) {
  const stream = rooms.get(room) ?? { offset: 0 };
  rooms.set(room, stream);
  stream.isJoining = true;
  showRooms();
  if (!socket.connected) return; // "connect" joins it
  const answer = await ask("join-room", keepsHistory ? { room, offset: stream.offset } : room);
  stream.isJoining = false;
  if (answer?.error) {
    showProblem(answer.error);
    rooms.delete(room);
  }
  showRooms();
}

function leaveRoom(room) {
  rooms.delete(room);
  showRooms();
  if (socket.connected) ask("leave-room", room);
}

// By the key, the server and other pages know a message that is sent again.
function say(text, address) {
  outbox.push({ text, key: randomName(), ...address });
  sendAll();
}

// One after the other, to keep their order, and again, until the server has acknowledged it.
async function sendAll() {
  showWaiting();
  if (isSending) return;
  isSending = true;
  while (outbox.length && socket.connected) {
    const answer = await ask("message", outbox[0]);
    if (answer?.error?.startsWith("Too fast")) await pause(1000);
    else if (answer) settle(outbox.shift(), answer);
  }
  isSending = false;
  showWaiting();
}

function settle(message, { id, error }) {
  if (error) {
    showProblem(`Not sent: ${error}`);
    $("text").value ||= message.text;
  } else {
    // What goes to a room or to a person does not come back to me.
    show({ ...message, id, from: { id: socket.id, userId: me.userId, name: me.name } });
  }
}

// -- What I hear: each message once, in the order of the ids that a history gives --

function hear(message) {
  keepOffset(message?.room === undefined ? everyone : rooms.get(String(message.room)), message);
  if (!isAgain(message)) show(message);
}

// What has no id comes again after a reconnect, until something with an id has come after it.
function isAgain(message) {
  if (!keepsHistory || idOf(message)) return false;
  const text = JSON.stringify(message);
  const place = expected.indexOf(text);
  if (place < 0) {
    unnumbered.push(text);
    if (unnumbered.length > MOST_LINES) unnumbered.shift();
  }
  expected.splice(0, place + 1); // those before it are no longer kept
  return place >= 0;
}

function keepOffset(stream, message) {
  const id = idOf(message);
  if (!id || !stream) return;
  if (id <= stream.offset && !lines.has(identityOf(message))) beginAnew();
  stream.offset = Math.max(stream.offset, id);
  if (stream === everyone) [unnumbered, expected] = [[], []];
}

// The server has another history now: its ids say nothing about the lines that are here.
function beginAnew() {
  for (const stream of [everyone, ...rooms.values()]) stream.offset = 0;
  for (const line of $("log").children) delete line.dataset.id;
}

// Without a history, anybody may have put it there.
function idOf(message) {
  return keepsHistory && Number.isInteger(message?.id) ? message.id : undefined;
}

// What tells it from all others; without a key and an id, nothing does.
function identityOf(message) {
  const key = message?.key;
  if (["string", "number"].includes(typeof key)) return `${addressOf(message.from)} ${key}`;
  return idOf(message) && JSON.stringify(message);
}

function addressOf({ id, userId }) {
  return userId === undefined ? `room ${id}` : `user ${userId}`;
}

function show(message) {
  const from = message?.from; // text alone has none
  const name = from?.name || from?.id || "somebody";
  const isMine = Boolean(from) && addressOf(from) === addressOf(me);
  const sender = element("button", { className: "from", type: "button", tabIndex: -1 }, name);
  if (from && !isMine) {
    meet(addressOf(from), name);
    sender.addEventListener("click", () => writeTo(addressOf(from), name));
  }
  const where = element("span", { className: "where" }, whereTo(message ?? {}, isMine));
  const text = element("span", { className: "text", dir: "auto" }, textOf(message));
  const line = element("li", { className: isMine ? "mine" : "" }, sender, " ", where, " ", text);
  add(line, identityOf(message), idOf(message));
}

function whereTo({ room, user }, isMine) {
  if (user !== undefined) return isMine ? `to ${people.get(`user ${user}`) ?? user}` : "to you";
  if (room === undefined) return "";
  return room === socket.id ? "to this tab" : `in ${room}`;
}

function textOf(message) {
  if (typeof message === "string") return message;
  if (typeof message?.text === "string") return message.text;
  return JSON.stringify(message, (name, value) => (name === "from" ? undefined : value));
}

function note(text, identity, id) {
  add(element("li", { className: "status" }, text), identity, id);
}

function add(line, identity, id) {
  if (lines.has(identity)) return;
  if (identity !== undefined) lines.set(identity, line);
  if (lines.size > 2 * MOST_LINES) lines.delete(lines.keys().next().value);
  const [log, view] = [$("log"), $("scroll")];
  const isAtEnd = view.scrollHeight - view.scrollTop - view.clientHeight < 50; // px
  log.insertBefore(line, id ? placeOf(id) : null);
  if (id) line.dataset.id = id;
  if (log.childElementCount > MOST_LINES) log.firstElementChild.remove();
  if (isAtEnd) view.scrollTop = view.scrollHeight;
}

// The line to come before: the first after all those with a lower id.
function placeOf(id) {
  let next = null;
  for (let line = $("log").lastElementChild; line; line = line.previousElementSibling) {
    if (Number(line.dataset.id) < id) break;
    if (line.dataset.id) next = line;
  }
  return next;
}

// -- What people do --

$("join").addEventListener("submit", (event) => {
  event.preventDefault();
  passcode = $("passcode").value;
  comeIn($("name").value.trim());
});

$("write").addEventListener("submit", (event) => {
  event.preventDefault();
  const [kind, address] = splitOnce($("to").value);
  showProblem("");
  say($("text").value, kind && { [kind]: address });
  $("text").value = "";
  $("text").focus();
});

$("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  joinRoom($("room").value.trim());
  writeTo(`room ${$("room").value.trim()}`);
  $("room").value = "";
});

$("again").addEventListener("click", () => comeIn(me.name));

// A page that is closed now would lose what waits.
window.addEventListener("beforeunload", (event) => outbox.length && event.preventDefault());

function comeIn(name) {
  me = { userId: randomName(), ...stored(localStorage, `user ${name}`), name };
  $("refused").textContent = "";
  showState("connecting …");
  socket.disconnect().connect();
}

function leave(why) {
  socket.disconnect();
  showState("not connected");
  showProblem(why);
  $("again").hidden = false;
}

// -- The page --

function $(id) {
  return document.getElementById(id);
}

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function showState(text) {
  $("state").textContent = text;
  $("state").classList.toggle("connected", socket.connected);
  showWaiting();
}

function showChat() {
  showState("connected");
  showProblem("");
  showRooms();
  $("me").textContent = me.name;
  $("again").hidden = true;
  if ($("join").hidden) return;
  $("join").hidden = true;
  $("chat").hidden = false;
  $("text").focus();
}

function showRefusal(why) {
  showState("not connected");
  $("chat").hidden = true;
  $("join").hidden = false;
  $("name").value ||= me.name;
  $("refused").textContent = why;
  const wantsPasscode = why.includes("passcode");
  if (wantsPasscode) $("needs-passcode").hidden = false;
  $(wantsPasscode ? "passcode" : "name").focus();
}

function showProblem(text) {
  $("problem").textContent = text;
}

function showWaiting() {
  const wait = outbox.length === 1 ? "message waits" : "messages wait";
  const isLate = outbox.length > 0 && !socket.connected;
  $("waiting").textContent = isLate ? `${outbox.length} ${wait} for the connection.` : "";
}

function showRooms() {
  const buttons = [...rooms].map(([room, { isJoining }]) => {
    const options = { type: "button", ariaBusy: Boolean(isJoining) };
    const button = element("button", options, `Leave ${room}`);
    button.addEventListener("click", () => leaveRoom(room));
    return element("li", {}, button);
  });
  $("rooms").replaceChildren(...buttons);
  showAddresses();
  store(sessionStorage, "tab", { name: me.name, rooms: [...rooms.keys()] });
}

// What is chosen stays there, or what somebody is typing would go to another.
function showAddresses(chosen = $("to").value) {
  const name = [...$("to").options].find(({ value }) => value === chosen)?.text ?? chosen;
  const inRooms = [...rooms.keys()].map((room) => [`room ${room}`, `Room ${room}`]);
  // Nobody can have a name that makes this look like everyone or like a room.
  const persons = [...people].map(([address, who]) => [address, `Only ${who}`]);
  const all = new Map([["", "Everyone"], ...inRooms, ...persons]);
  if (!all.has(chosen)) all.set(chosen, name);
  const options = [...all].map(([value, text]) => element("option", { value }, text));
  $("to").replaceChildren(...options);
  $("to").value = chosen;
}

function meet(address, name) {
  if (people.get(address) === name) return;
  people.set(address, name);
  if (people.size > MOST_PEOPLE) people.delete(people.keys().next().value);
  showAddresses();
}

function writeTo(address, name) {
  if (name) meet(address, name);
  showAddresses(address);
  $("text").focus();
}

// -- Small things --

function splitOnce(address) {
  const space = address.indexOf(" ");
  return [address.slice(0, Math.max(space, 0)), address.slice(space + 1)];
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// Unlike crypto.randomUUID, it is there without https, too.
function randomName() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// A browser may be told to store nothing.
function stored(storage, name) {
  try {
    return JSON.parse(storage.getItem(`chatlib ${HERE} ${name}`)) ?? {};
  } catch {
    return {};
  }
}

function store(storage, name, value) {
  try {
    storage.setItem(`chatlib ${HERE} ${name}`, JSON.stringify(value));
  } catch (error) {
    console.warn("Nothing is remembered:", error.message);
  }
}

// All tabs of this browser in which I have this name are me.
function remember() {
  store(localStorage, `user ${me.name}`, { userId: me.userId, token: me.token });
}

// -- The start --

const tab = stored(sessionStorage, "tab");
$("passcode").value = new URLSearchParams(location.hash.slice(1)).get("passcode") ?? "";
$("needs-passcode").hidden = !$("passcode").value;
passcode = $("passcode").value;
for (const room of tab.rooms ?? []) rooms.set(room, { offset: 0 });
if (tab.name) comeIn(tab.name);
