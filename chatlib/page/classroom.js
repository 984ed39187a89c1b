// What a class adds to the chat: raised hands, polls and breakout rooms. It hears of nothing that
// is here on a server that is no class.

let breakout = null; // the room that the instructor put me into, and what I have of it
let isRaised = false;

socket.on("classroom", ({ title, instructor, room, hand, poll }) => {
  $("title").textContent = document.title = title;
  $("classroom").hidden = false;
  people.set(`user ${instructor.userId}`, instructor.name);
  $("ask").onclick = () => writeTo(`user ${instructor.userId}`);
  showHand(hand);
  showPoll(poll);
  goTo(room);
  if (room !== null) joinRoom(room);
});

socket.on("hand", ({ raised }) => showHand(raised));

socket.on("poll", (poll) => {
  keepOffset(everyone, poll);
  note(`Poll: ${poll.question}`, `poll ${poll.poll}`, idOf(poll));
  showPoll({ answer: null, ...poll });
});

socket.on("poll-closed", (poll) => {
  keepOffset(everyone, poll);
  const counts = poll.options.map((option, number) => `${option} ${poll.counts[number]}`);
  note(`The poll is closed. ${poll.question} ${counts.join(", ")}`, `closed ${poll.poll}`, idOf(poll));
  showResult(poll);
});

socket.on("breakout", ({ room }) => {
  goTo(room);
  note(room === null ? "Everybody is back together." : `You are in the breakout room ${room}.`);
});

socket.on("disconnect", () => breakout && rooms.delete(breakout.room)); // "classroom" tells it anew
socket.on("removed", ({ reason }) => leave(reason));
socket.on("class-closed", () => leave("The class is over."));

$("hand").addEventListener("click", async () => {
  const raised = !isRaised; // before the server tells it to all my tabs
  const answer = await ask("hand", { raised });
  if (answer?.error) showProblem(answer.error);
  else if (answer) showHand(raised);
});

function goTo(room) {
  const stream = room === breakout?.room ? breakout?.stream : { offset: 0 };
  if (breakout) rooms.delete(breakout.room);
  breakout = room === null ? null : { room, stream };
  if (breakout) rooms.set(room, stream);
  showRooms();
  // What somebody is typing goes where they meant it to go.
  if (!$("text").value) showAddresses(room === null ? "" : `room ${room}`);
}

function showHand(raised) {
  isRaised = raised;
  $("hand").ariaPressed = raised;
  $("hand").textContent = raised ? "Lower hand" : "Raise hand";
}

function showPoll(poll) {
  $("poll").hidden = !poll;
  $("poll").replaceChildren(...(poll ? [questionOf(poll)] : []));
}

function questionOf({ poll, question, options, answer: chosen }) {
  const buttons = options.map((option, number) => {
    const button = element("button", { type: "button", ariaPressed: number === chosen }, option);
    button.addEventListener("click", async () => {
      const answer = await ask("answer", { poll, option: number });
      if (answer?.error) return showProblem(answer.error);
      for (const each of answer ? buttons : []) each.ariaPressed = each === button;
    });
    return button;
  });
  return element("fieldset", {}, element("legend", {}, question), ...buttons);
}

function showResult({ question, options, counts }) {
  const max = Math.max(1, counts.reduce((sum, count) => sum + count, 0));
  const bars = options.map((option, number) => {
    const bar = element("meter", { max, value: counts[number] });
    return element("label", {}, `${option}: ${counts[number]}`, bar);
  });
  $("poll").hidden = false;
  $("poll").replaceChildren(element("fieldset", {}, element("legend", {}, question), ...bars));
}
