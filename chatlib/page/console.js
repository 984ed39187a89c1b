// A socket on any server: emit an event, see what is heard, and answer when the server asks.

const HERE = new URL("./", document.baseURI).pathname; // "/", unless a proxy puts the page elsewhere
const TIMEOUT = 10_000; // ms, for an answer
const MOST_LINES = 1000;

let socket;

// -- The connection --

function connect(name, namespace) {
  socket?.disconnect();
  const auth = name ? { name } : undefined;
  const mine = io(namespace, { path: `${HERE}socket.io/`, forceNew: true, auth });
  socket = mine;
  showState("connecting …");

  mine.on("connect", () => {
    showState(`connected to ${namespace}`, true);
    note(`connected to ${namespace}${name && ` as ${name}`}: ${mine.id}`);
  });
  mine.on("disconnect", (reason) => {
    if (mine !== socket) return;
    showState(mine.active ? "connection lost, trying again …" : "not connected");
    note(`disconnected: ${reason}`);
  });
  mine.on("connect_error", ({ message }) => {
    if (mine !== socket) return;
    showState(mine.active ? "no connection, trying again …" : "not connected");
    if (!mine.active) note(`refused: ${message}`);
  });
  mine.onAny((event, ...args) => hear(event, args));
}

// -- What is heard --

function hear(event, args) {
  const answer = typeof args.at(-1) === "function" ? args.pop() : null;
  const line = show("←", event, args);
  if (answer) line.append(answering(event, answer));
  scrollDown();
}

function answering(event, answer) {
  const form = element("form", "answering");
  const input = element("input");
  input.setAttribute("aria-label", `Answer to ${event}`);
  input.placeholder = '"yes"';
  const button = element("button", "", "Acknowledge");
  form.append(input, button);
  form.addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    const args = read(input.value);
    if (!args) return;
    answer(...args);
    form.remove();
    show("→", `answer to ${event}`, args);
  });
  return form;
}

// -- What is emitted --

function emit(event, args, asks) {
  show("→", event, args);
  if (!asks) {
    socket.emit(event, ...args);
    return;
  }
  socket.timeout(TIMEOUT).emit(event, ...args, (error, ...answer) => {
    if (error) note(`no answer to ${event}`);
    else show("←", `answer to ${event}`, answer);
  });
}

// Return the values that a text lists as JSON, or nothing after saying what is wrong.
function read(text) {
  try {
    showProblem("");
    return JSON.parse(`[${text}]`);
  } catch {
    showProblem('Arguments are JSON, with a comma between two: "hi", 1, {"a": [true]}');
    return null;
  }
}

// -- The page --

function show(arrow, event, args) {
  const line = element("li");
  line.append(
    element("span", "arrow", `${arrow} `),
    element("span", "event", event),
    element("span", "text", ` ${args.map(written).join(", ")}`),
  );
  return add(line);
}

function note(text) {
  return add(element("li", "status", text));
}

function add(line) {
  const log = $("log");
  log.append(line);
  if (log.children.length > MOST_LINES) log.firstChild.remove();
  scrollDown();
  return line;
}

function scrollDown() {
  $("scroll").scrollTop = $("scroll").scrollHeight;
}

function written(value) {
  const asText = (key, one) => (one instanceof ArrayBuffer ? `<${one.byteLength} bytes>` : one);
  return JSON.stringify(value, asText) ?? "null";
}

function showState(text, isConnected = false) {
  $("state").textContent = text;
  $("state").classList.toggle("connected", isConnected);
}

function showProblem(text) {
  $("problem").textContent = text;
}

function element(kind, style = "", text = "") {
  const made = document.createElement(kind);
  made.className = style;
  made.textContent = text;
  return made;
}

function $(id) {
  return document.getElementById(id);
}

$("come").addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  connect($("name").value.trim(), $("namespace").value);
});

$("emit").addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  const [event, args] = [$("event").value, read($("arguments").value)];
  if (!args) return;
  try {
    emit(event, args, $("ask").checked);
  } catch (error) {
    showProblem(error.message); // a reserved name
  }
});

if (window.io) connect("", "/");
else showProblem("The Socket.IO client could not be loaded. Is there a connection to the internet?");
