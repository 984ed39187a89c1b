"""The exercises of lesson 08: a sender, a server and receivers that lose and double nothing."""

import asyncio
import contextlib
import functools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count, pairwise
from typing import Any
from uuid import uuid4

import socketio

from chatlib.history import History
from chatlib.lab.exercises.exercise import Exercise, Repair, Stage, run
from chatlib.lab.exercises.prediction import Line, Prediction
from chatlib.lab.exercises.stage import NothingCameError, handled_events
from chatlib.lab.wire import LabTimeoutError
from chatlib.lab.words import enumerated
from chatlib.server import ChatServer

# An attempt that is made in the background comes so soon after the last one, in seconds.
_IDLE = 0.3
# On a busy machine an answer may take longer than an attempt, but not so often.
_SLACK = 2
# Whoever sends on after so many acknowledgements does not stop by itself.
_ENOUGH = 10
# What a tenth of a second may be, and when a call is not limited by anything else, either.
_SHORTEST, _LONGEST, _TOO_LONG = 0.08, 0.12, 0.4
# Whoever ends so many calls, and none before that time, gives each of them more than a tenth.
_ENDED, _LATE = 4, 0.15
# Who waits so long between two attempts waits on purpose; and so long goes no message get lost,
# nor one whose attempts need not wait.
_PAUSE, _LONG_ENOUGH, _LONG_HURRIED = 0.5, 0.4, 0.8


def _chat() -> socketio.AsyncServer:
    return ChatServer(history=History()).io


# -- 08.1, the sender ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Mishaps:
    """Who sends, and what the server does to the messages: a text, and what gets lost of it."""

    sender: str
    other: str
    messages: tuple[tuple[str, tuple[str, ...]], ...]


_MISHAPS = (
    _Mishaps("alice", "bob", (("hi", ("lost",)), ("hi", ("answer lost",)), ("bye", ()))),
    _Mishaps("dora", "erin", (("not", ()), ("yet", ("answer lost", *["lost"] * 100)), ("not", ()))),
)


class _Sending:
    """One message, what shall get lost of it, and the attempts that have come.

    Attributes:
        text: What it says.
        fates: What happens to the next attempts.
        lost: What has got lost.
        attempts: When they came.
        keys: The keys under which the server has taken it.
        taken: Whether one of them was another message's.
        limits: How many seconds an attempt had that gave up by itself.
        hurried: Whether attempts were ended before their time, to spare the reader the wait.
        strange: How many calls asked for something else.
    """

    def __init__(self, text: str, fates: tuple[str, ...]) -> None:
        self.text = text
        self.fates = list(fates)
        self.lost: list[str] = []
        self.attempts: list[float] = []
        self.keys: set[Any] = set()
        self.taken = False
        self.limits: list[float | None] = []
        self.hurried = False
        self.strange = 0
        self._came = asyncio.Event()

    def note(self) -> str:
        """Note an attempt, and return what happens to it."""
        now = asyncio.get_running_loop().time()
        if self.attempts and (
            now - self.attempts[-1] > _PAUSE
            or now - self.attempts[0] > (_LONG_HURRIED if self.hurried else _LONG_ENOUGH)
        ):
            self.fates.clear()  # nobody who waits in between needs to do so often
        self.attempts.append(now)
        self._came.set()
        if not self.fates:
            return "good"
        self.lost.append(self.fates.pop(0))
        return self.lost[-1]

    async def until(self, attempts: int) -> None:
        """Wait until so many attempts have come."""
        while len(self.attempts) < attempts:
            self._came.clear()
            await self._came.wait()

    async def idle(self) -> None:
        """Wait until no attempt comes any more, as they may be made in the background."""
        with contextlib.suppress(TimeoutError):
            while self.fates or len(self.attempts) <= len(self.lost):
                async with asyncio.timeout(_IDLE):
                    await self.until(len(self.attempts) + 1)


class _Careless:
    """A server's handler of ``message``, that loses what it is told to lose."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.sendings: dict[str, _Sending] = {}
        self.done: dict[Any, _Sending] = {}
        self.ended: list[bool] = []  # the calls that the answer ended: whether too late
        self.over = asyncio.Event()

    async def message(self, sid: str, *values: Any) -> dict[str, Any]:
        data = values[0] if len(values) == 1 else values
        sending = self.sendings[sid]
        fate = sending.note()
        if not isinstance(data, dict) or not data.keys() >= {"text", "key"}:
            self._stage.fail(f"A message should have had a text and a key, but it was {data!r}.")
        key = data["key"]
        if not isinstance(key, str | int | float) or key == "":
            self._stage.fail(f"A key should have been a text or a number, but it was {key!r}.")
        if data["text"] != sending.text:
            self._stage.fail(
                f'The text should have been "{sending.text}", but it was {data["text"]!r}.'
            )
        if fate != "lost":
            sending.keys.add(key)
            sending.taken |= self.done.setdefault(key, sending) is not sending
        if fate != "good":
            await self.over.wait()  # to the sender, an answer that never comes
        if len(sending.attempts) - len(sending.lost) > _ENOUGH:
            _judge_attempts(self._stage, sending)
        return {"ok": True}

    def listen_to(self, client: Any) -> None:
        """Note how long a client's calls wait, and let those that get lost wait no longer.

        The attempts of the first message have their time, and so has what limits itself.
        """
        call = client.call

        @functools.wraps(call)  # the reader is told of a call that is not awaited by its name
        async def listened(
            event: str, data: Any = None, namespace: str | None = None, timeout: float | None = None
        ) -> Any:
            sending = self.sendings[client.get_sid()]
            sending.strange += event not in ("message", "all here?")
            if sending.strange > _SLACK and not sending.attempts:
                self._stage.fail("The server got no message.", as_=NothingCameError)
            if event != "message" or not sending.fates:
                return await call(event, data, namespace, timeout)
            late = LabTimeoutError(f"The server has not answered {client.name}'s {event!r}.")
            before = len(sending.attempts)
            if self.done and timeout and _SHORTEST <= timeout <= _LONGEST:
                sending.hurried = True
                await client.emit(event, data, namespace, lambda *_: None)
                await sending.until(before + 1)
                raise late
            caller, late_ones = asyncio.current_task(), []
            assert caller  # noqa: S101
            # A timer, as those due before it have ended the call first, however busy the machine.
            timer = asyncio.get_running_loop().call_later(
                _LATE, lambda: late_ones.append(not caller.cancelling())
            )
            try:
                async with asyncio.timeout(_TOO_LONG):
                    return await call(event, data, namespace, timeout)
            except asyncio.CancelledError:
                if len(sending.attempts) <= before + 1:  # the next ones wait for this one
                    self.ended.append(any(late_ones))
                raise
            except TimeoutError:
                if len(sending.attempts) > before + 1:  # the next ones did not wait for this one
                    return await self.over.wait()
                sending.limits.append(timeout)
                raise late from None
            except socketio.exceptions.TimeoutError:
                sending.limits.append(timeout)
                raise
            finally:
                timer.cancel()

        client.call = listened


async def _sender(answer: Callable[..., Any], stage: Stage, mishaps: _Mishaps) -> None:
    server = _Careless(stage)
    stage.io.on("message", server.message)
    client, other = await stage.join(mishaps.sender, mishaps.other)
    try:
        for one in (client, other):
            server.listen_to(one)
        for text, fates in mishaps.messages:
            await _send(answer, stage, server, {client: _Sending(text, fates)})
        # Two people at once, who say the same.
        text = mishaps.messages[-1][0]
        both = {one: _Sending(text, ("lost", "lost")) for one in (client, other)}
        await _send(answer, stage, server, both)
        if len(server.ended) >= _ENDED and all(server.ended):
            _fail_time(stage, None)
    finally:
        server.over.set()


async def _send(
    answer: Callable[..., Any], stage: Stage, server: _Careless, sendings: dict[Any, _Sending]
) -> None:
    server.sendings = {client.get_sid(): sending for client, sending in sendings.items()}

    async def send(client: Any, sending: _Sending) -> None:
        try:
            await run(answer, client, sending.text)
        except LabTimeoutError as late:
            # It was answered and does not end, or it sent something else.
            if sending.attempts and (sending.fates or len(sending.attempts) <= len(sending.lost)):
                _judge_time(stage, sending)
                _judge_late(stage, sending, str(late))
            raise

    try:
        async with asyncio.TaskGroup() as group:
            for client, sending in sendings.items():
                group.create_task(send(client, sending))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    stage.io.on("all here?", lambda sid: True)  # noqa: ARG005
    for client in sendings:
        await client.call("all here?")  # what was sent before it has come then
    await asyncio.gather(*(sending.idle() for sending in sendings.values()))
    for sending in sendings.values():
        _judge_attempts(stage, sending)


def _judge_late(stage: Stage, sending: _Sending, what: str) -> None:
    case = f"When the server lost {_and_then(sending.lost)}"
    if "your function to end" in what:
        number = len(sending.attempts)
        there = f"there {'was' if number == 1 else 'were'} {_times(number, 'attempt')}"
        stage.fail(f"{case}, {there} in two seconds. Each should have had a tenth of a second.")
    stage.fail(f"{case}, the function raised. It should have sent once more.")


def _judge_time(stage: Stage, sending: _Sending) -> None:
    for limit in sending.limits:
        if not limit or not _SHORTEST <= limit <= _LONGEST:
            _fail_time(stage, limit)


def _fail_time(stage: Stage, limit: float | None) -> None:
    had = _times(limit, "second") if limit else "more time"
    stage.fail(f"An attempt had {had} to be answered. Each should have had a tenth of a second.")


def _judge_attempts(stage: Stage, sending: _Sending) -> None:
    attempts, lost = sending.attempts, len(sending.lost)
    case = f"When the server lost {_and_then(sending.lost)}"
    if not attempts:
        stage.fail("The server got no message.")
    if sending.fates or len(attempts) <= lost:
        stage.fail(f"{case}, the function returned and should have sent once more.")
    if sending.taken:
        stage.fail(
            f'The text "{sending.text}" was sent with a key that another message had, so the '
            "server took it for a second attempt. It is lost."
        )
    if len(sending.keys) > 1:
        stage.fail(f"{case}, the next attempt had another key: the message is doubled.")
    if (more := len(attempts) - lost - 1) > _SLACK:
        stage.fail(
            f"{case}, the next attempt was acknowledged, and {more} more came. An acknowledgement "
            "is the end of it."
        )
    _judge_time(stage, sending)
    gaps = [later - earlier for earlier, later in pairwise(attempts)]
    if len(gaps) > 3 and max(gaps) < _SHORTEST and not sending.hurried:
        stage.fail(
            f"{case}, the attempts came one upon the other. Each should have had a tenth of a "
            "second to be answered."
        )


def _times(number: float, what: str) -> str:
    return f"{number:g} {what if number == 1 else f'{what}s'}"


def _and_then(fates: list[str]) -> str:
    answers, messages = fates.count("answer lost"), fates.count("lost")
    parts = ["an answer"] * bool(answers)
    parts += ["a message" if messages == 1 else f"{messages} messages"] * bool(messages)
    return " and then ".join(parts) or "nothing"


# -- 08.2, the server ------------------------------------------------------------------------------


class _SlowManager(socketio.AsyncManager):  # type: ignore[misc]
    """Takes a while for each emission, as one that has to ask another machine does."""

    async def emit(self, *args: Any, **kwargs: Any) -> None:
        await asyncio.sleep(0.02)
        await super().emit(*args, **kwargs)


def _slow_server() -> socketio.AsyncServer:
    return socketio.AsyncServer(async_mode="aiohttp", client_manager=_SlowManager())


@dataclass(frozen=True)
class _Talk:
    """Who sends to a server that knows keys, who is there besides, and what is said.

    Attributes:
        is_long: Whether it is about other keys, or about a server that must not forget one.
    """

    sender: str
    other: str
    texts: tuple[str, str, str]
    is_long: bool


# So many other messages come in between.
_OTHERS = 12
# A key of the last check whose answer emitted for the key 0, which cannot be a new one.
_earlier: list[str] = []


async def _server(answer: Callable[..., Any], stage: Stage, talk: _Talk) -> None:
    await run(answer, stage.io)
    sender, other = await stage.join(talk.sender, talk.other)
    everyone = [talk.sender, talk.other]
    one, two, three = talk.texts
    # New ones for each check: an answer may remember those of the last one.
    key = uuid4().hex
    first, second, third, fourth = (f"{key}-{end}" for end in ("ab", "a", "b", "A"))

    def check_answer(after: str, got: Any) -> None:
        if got != {"ok": True} or got["ok"] is not True:
            stage.fail(
                f'After {after}, {talk.sender} should have got {{"ok": True}}, or would try again '
                f"for ever. {talk.sender} got {got!r}."
            )

    async def attempt(text: str, key: str | int, by: list[str], what: str) -> None:
        after = f'{talk.sender} called "message" with the text "{text}" and {what}'
        got = await stage.call(sender, "message", {"text": text, "key": key})
        await stage.expect(after, "news", by=by, data=text)
        check_answer(after, got)

    async def remembers() -> bool:
        """Return whether the answer knows a key of an earlier check."""
        for known in _earlier:
            await stage.call(sender, "message", {"text": one, "key": known})
            return not any(packet.event == "news" for packet in await stage.deliveries())
        return False

    if not {"message", "*"} & set(handled_events(stage.io)):
        await sender.emit("message", {"text": one, "key": first})
        await stage.lab.settle()
        stage.fail(f'Nobody answered {talk.sender}\'s "message".', as_=NothingCameError)
    await attempt(one, first, everyone, "a key")
    if talk.is_long:
        await attempt(one, first, [], "the same key")
        sender = await stage.join(talk.sender)
        await attempt(one, first, [], "the same key, on a new connection")

    after = f'{talk.sender} and {talk.other} sent "message" at once with the same new key'
    answers: list[Any] = []
    # On two connections, as the lab hands on what comes on one of them packet by packet.
    both = {"text": three, "key": fourth}
    await asyncio.gather(
        *(client.emit("message", both, callback=answers.append) for client in (sender, other))
    )
    await stage.expect(after, "news", by=everyone, data=three)
    if len(answers) < 2:
        stage.fail(f"After {after}, only {len(answers)} of the two attempts had an answer.")
    for got in answers:
        check_answer(after, got)

    if talk.is_long:
        await attempt(one, second, everyone, "another key, which makes it another message")
        await attempt(two, second, [], "a key that another text had before, so that it is known")
        if await remembers():
            return
        await attempt(two, 0, everyone, "the key 0, which is a key, too")
        await attempt(two, 0, [], "the key 0 again")
        _earlier[:] = [first]
    else:
        others = [f"{two} {number}" for number in range(_OTHERS)]
        for number, text in enumerate(others):  # in turn on two connections, so two at once
            client = (sender, other)[number % 2]
            await client.emit("message", {"text": text, "key": f"{third}-{number}"})
        came = await stage.deliveries(
            lambda found: sum(p.event == "news" for p in found) >= _OTHERS * len(everyone)
        )
        heard = Counter(str(p.data[0]) for p in came if p.event == "news")
        if lost := [text for text in others if heard[text] < len(everyone)]:
            stage.fail(
                f"After {talk.sender} and {talk.other} sent {_OTHERS} messages at once, each with "
                f'a key of its own, everyone should have heard "{lost[0]}".'
            )
        await attempt(one, first, [], f"the first key, after {_OTHERS} others")


# -- 08.3, a receiver ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Post:
    """Who writes to Bob, to everyone and to a group, and what is written.

    Attributes:
        others: How many messages for another come after the first one, so that an offset that is
            left from the check before, of another Bob, is one that the history has.
    """

    sender: str
    other: str
    room: str
    texts: tuple[str, ...]
    others: int = 0


@dataclass
class _Mailbox:
    """Bob, what he should have heard, and what he has heard.

    Attributes:
        stage: The stage.
        post: Who writes, and where.
        sender: The client that writes.
        heard: The list that the answer appends to.
        sent: What was written to everyone, in order.
        private: What was written to Bob or to his group.
        arrived: The ids that reached Bob as messages to everyone.
    """

    stage: Stage
    post: _Post
    sender: Any
    heard: list[Any] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    private: list[str] = field(default_factory=list)
    arrived: Counter[int] = field(default_factory=Counter)

    async def say(self, text: str, **address: Any) -> int:
        """Write something, and return its id."""
        answer = await self.sender.call("message", {"text": text} | address)
        if not address:
            self.sent.append(text)
        elif self.post.other not in address.values():
            self.private.append(text)
        await self.stage.lab.settle()
        return int(answer["id"])

    async def _note_arrivals(self) -> None:
        for packet in await self.stage.deliveries():
            if packet.target == "bob" and packet.event == "recieve-message":
                self.arrived[packet.data[0]["id"]] += 1

    async def expect(self, case: str) -> None:
        """See that Bob has heard all that was written to everyone, once each."""
        await self._note_arrivals()
        await _noted(self.heard, self.sent)
        if not all(isinstance(one, str) for one in self.heard):
            self.stage.fail(f"{case}, there was more in the list heard than texts.")
        public = [one for one in self.heard if one not in self.private]
        if public != self.sent:
            self.stage.fail(
                f"{case}, the list heard should have been {self.sent}, but it was {public}."
            )
        if again := [number for number, times in self.arrived.items() if times > 1]:
            self.stage.fail(
                f"{case}, the server sent him again what he had: {len(again)} "
                f"{'message' if len(again) == 1 else 'messages'}. His offset should have been the "
                "id of the last one."
            )
        # Who hears what is for Bob alone, too, hears it once.
        mine = Counter(one for one in self.heard if one in self.private)
        if twice := [one for one in mine if mine[one] > 1]:
            self.stage.fail(f"{case}, {twice[0]!r}, which was for him alone, came twice.")
        if mine and (lost := [one for one in self.private if one not in mine]):
            self.stage.fail(f"{case}, {lost[0]!r}, which was for him alone, was lost.")


async def _noted(heard: list[Any], sent: list[str]) -> None:
    """Wait a little until as much is noted as was sent, as that may be done in the background."""
    for _ in range(20):
        if len(heard) < len(sent):
            await asyncio.sleep(0.01)


async def _connect(stage: Stage, bob: Any, auth: Callable[[], Any]) -> None:
    try:
        await bob.connect(stage.lab.url, auth=auth)
    except socketio.exceptions.ConnectionError:
        said = await run(auth)
        stage.fail(
            f"The server refused bob, whose auth was {said!r}. An offset is a number: the id of a "
            "message, or 0."
        )
    await stage.lab.settle()


async def _receiver(answer: Callable[..., Any], stage: Stage, post: _Post) -> None:
    sender = await stage.join(post.sender, auth={"userId": post.sender})
    box = _Mailbox(stage, post, sender)
    bob = stage.lab.client("bob")
    auth = await run(answer, bob, box.heard)
    await _check_auth(stage, auth)
    one, two, three, four, five = post.texts

    connect = functools.partial(_connect, stage, bob, auth)
    await connect()
    await bob.disconnect()  # he has heard nothing so far
    await box.say(one)
    for _ in range(post.others):
        await sender.call("message", {"text": "for another", "user": post.other})
    await connect()
    who = "another bob" if post.others else "bob"
    await box.expect(f"When {who} had heard nothing, and missed the first message of all")
    await box.say("for another", user=post.other)
    await box.say(two)
    await box.expect("When bob was there for a second message")
    await box.say("psst", user="bob")
    await box.say(two)
    await box.expect("When somebody said the same text once more, which is another message")
    await bob.disconnect()
    await box.say(three)
    await box.say("for another", user=post.other)
    await box.say(one)
    await connect()
    await box.expect("When bob was back and had missed two")
    await box.say(four)
    await bob.disconnect()
    await connect()
    await box.expect(
        "When bob had heard one more live, and was back once more and had missed nothing"
    )

    last = await box.say("in there", user="bob")
    await bob.disconnect()
    await connect()
    await box.expect("When bob had heard a message for him alone live, and was back")
    await bob.disconnect()
    await box.say("in the room", room=post.room)
    await box.say(five)
    await connect()
    await bob.call("join-room", {"room": post.room, "offset": last})
    await bob.disconnect()
    await connect()
    await box.expect("When bob had got an older message to his room last, and was back once more")


async def _check_auth(stage: Stage, auth: Any) -> None:
    if not callable(auth):
        stage.fail(
            "The function should have returned a function, which bob's client calls each time it "
            f"connects. It returned {auth!r}."
        )
    if not isinstance(said := await run(auth), dict) or said.get("userId") != "bob":
        stage.fail(f"Bob's auth should have had a userId, which is 'bob', but it was {said!r}.")


# -- 08.5, a receiver in a room --------------------------------------------------------------------


class _RoomMember:
    """Bob with an answer's two functions, and what he should have heard."""

    def __init__(self, stage: Stage, post: _Post, sender: Any) -> None:
        self.stage = stage
        self.post = post
        self.sender = sender
        self.bob = stage.lab.client("bob")
        self.heard: list[Any] = []
        self.sent: list[str] = []
        self.arrived: Counter[int] = Counter()

    async def prepare(self, answer: Callable[..., Any]) -> None:
        """Call the answer, and keep the functions that it returns."""
        both = await run(answer, self.bob, self.heard, self.post.room)
        if not isinstance(both, tuple | list) or len(both) != 2 or not all(map(callable, both)):
            self.stage.fail(
                "It should still return two functions: what gives Bob's auth, and what gives what "
                "he says to join-room."
            )
        self.auth, self.joining = both
        await _check_auth(self.stage, self.auth)

    async def connect(self) -> None:
        await _connect(self.stage, self.bob, self.auth)

    async def join(self) -> None:
        """Join the room, with what the answer says then."""
        asked = await run(self.joining)
        if not isinstance(asked, dict):
            self.stage.fail(
                "What bob says to join-room should have been a dict with his room and an offset, "
                f"but it was {asked!r}."
            )
        if asked.get("room") != self.post.room:
            self.stage.fail(
                "What bob says to join-room should have had his room, "
                f"{self.post.room!r}, but it was {asked!r}."
            )
        answer = await self.stage.call(self.bob, "join-room", asked)
        if not answer["ok"]:
            self.stage.fail(f"Bob's join-room was refused: {answer['error']}")
        await self.stage.lab.settle()

    async def come_back(self) -> None:
        await self.connect()
        await self.join()

    async def say(self, text: str, by: Any = None, **address: Any) -> None:
        await (by or self.sender).call("message", {"text": text} | address)
        self.sent.append(text)
        await self.stage.lab.settle()

    async def expect(self, case: str) -> None:
        """See that Bob has heard everything once."""
        for packet in await self.stage.deliveries():
            if packet.target == "bob" and packet.event in ("recieve-message", "single-message"):
                self.arrived[packet.data[0]["id"]] += 1
        await _noted(self.heard, self.sent)
        if not all(isinstance(one, str) for one in self.heard):
            self.stage.fail(f"{case}, there was more in the list heard than texts.")
        got = Counter(self.heard)
        if lost := [one for one in self.sent if not got[one]]:
            self.stage.fail(f"{case}, {_quoted(lost)} {'was' if len(lost) == 1 else 'were'} lost.")
        if twice := [one for one in got if got[one] > 1]:
            self.stage.fail(f"{case}, {_quoted(twice)} came twice.")
        if any(times > 1 for times in self.arrived.values()):
            self.stage.fail(
                f"{case}, the server sent him again what he had. An offset should be the id of "
                "the last message."
            )


def _quoted(texts: list[str]) -> str:
    return enumerated(f'"{text}"' for text in texts)


async def _room_member(answer: Callable[..., Any], stage: Stage, post: _Post) -> None:
    sender = await stage.join(post.sender, auth={"userId": post.sender})
    member = _RoomMember(stage, post, sender)
    await member.prepare(answer)
    room = {"room": post.room}
    names = (f"{text} {number}" for number in count(1) for text in post.texts)

    await member.come_back()
    await member.bob.disconnect()  # he has heard nothing so far
    await member.say("early")
    await member.say("early there", **room)
    await member.come_back()
    await member.expect("When bob had heard nothing yet, and missed two messages")
    await member.say(next(names))
    await member.say(next(names), **room)
    await member.say(next(names), user="bob")
    await member.expect("When bob was there for a message to everyone, one to his room and one DM")
    await member.bob.disconnect()
    await member.say(next(names), **room)
    await member.say(next(names))
    await member.come_back()
    await member.expect("When bob had missed a message to his room, and then one to everyone")
    await member.bob.disconnect()
    await member.come_back()
    await member.expect("When bob was back once more, and had missed nothing")
    await member.say(next(names), **room)
    await member.bob.disconnect()
    await member.come_back()
    await member.expect("When bob had heard a message to his room last, and had missed nothing")
    await member.bob.disconnect()
    await member.say(next(names))
    await member.say(next(names), **room)
    await member.say(next(names), user="bob")
    await member.come_back()
    await member.bob.disconnect()
    await member.come_back()
    await member.expect("When bob had missed one of each, and came back twice")
    await member.bob.disconnect()
    await member.say(next(names), **room)
    await member.say(next(names), user="bob")
    await member.connect()
    await member.say(next(names), by=member.bob, user=post.other)
    await member.bob.disconnect()  # too soon to join
    await member.come_back()
    await member.expect(
        f"When bob wrote to {post.other}, and his wire broke before he had joined his room"
    )


async def _show_room_member(answer: Callable[..., Any], stage: Stage) -> None:
    alice = await stage.join("alice", auth={"userId": "alice"})
    member = _RoomMember(stage, _Post("alice", "carol", "team", ()), alice)
    await member.prepare(answer)
    await member.come_back()
    await member.say("one")
    await member.bob.disconnect()
    await stage.clear()
    await member.say("two", room="team")
    await member.say("three")
    await member.come_back()


EXERCISES = [
    Exercise(
        number="08.1",
        starter="""
async def answer(client, text):
    ...
""",
        hint_text="""Make the key once, before the loop, for example str(uuid.uuid4()).
In the loop, client.call with timeout=0.1: return what it returns, and go on where it raises
socketio.exceptions.TimeoutError.""",
        solution_text="""
import uuid

import socketio


async def answer(client, text):
    data = {"text": text, "key": str(uuid.uuid4())}
    while True:
        try:
            return await client.call("message", data, timeout=0.1)
        except socketio.exceptions.TimeoutError:
            pass
""",
        praise="It is sent until it is there, and the key makes all attempts one message.",
        play=_sender,
        scenes=_MISHAPS,
    ),
    Exercise(
        number="08.2",
        starter="""
def answer(io):
    @io.on("message")
    async def message(sid, data):
        ...
""",
        hint_text="""A set of all keys, made before the handler. Only the emit depends on whether
the key is new; what is returned does not. And a second attempt may come while the handler still
awaits something for the first: what does it find in the set then? Think of the order.""",
        solution_text="""
def answer(io):
    keys = set()

    @io.on("message")
    async def message(sid, data):
        if data["key"] not in keys:
            keys.add(data["key"])
            await io.emit("news", data["text"])
        return {"ok": True}
""",
        praise="Done once, answered each time: that is what makes trying again harmless.",
        play=_server,
        scenes=(
            _Talk("alice", "bob", ("one", "two", "three"), is_long=True),
            _Talk("erin", "frank", ("tea", "cake", "milk"), is_long=False),
        ),
        server=_slow_server,
    ),
    Exercise(
        number="08.3",
        starter="""
def answer(bob, heard):
    ...
""",
        hint_text="""Every message has an "id". Keep the last one where both functions see it, for
example in a dict that the lambda returns: {"userId": "bob", "offset": 0}.""",
        solution_text="""
def answer(bob, heard):
    seen = {"userId": "bob", "offset": 0}

    @bob.on("recieve-message")
    async def message(data):
        heard.append(data["text"])
        seen["offset"] = data["id"]

    return lambda: seen
""",
        praise="The client says what it has, and the server adds what it has not.",
        play=_receiver,
        scenes=(
            _Post("alice", "carol", "team", ("one", "two", "three", "four", "five")),
            _Post("dora", "erin", "choir", ("do", "re", "mi", "fa", "so"), others=20),
        ),
        server=_chat,
    ),
    Prediction(
        number="08.4",
        server_source="""io = ChatServer(history=History()).io
""",
        setup="""\
seen = {"userId": "bob", "offset": 0}
alice = await lab.join("alice", reconnection=True, auth={"userId": "alice"})
bob = await lab.join("bob", reconnection=True, auth=lambda: seen)
carol = await lab.join("carol", auth={"userId": "carol"})


@bob.on("recieve-message")
@bob.on("single-message")
async def note(data):
    seen["offset"] = data["id"]
""",
        lines=(
            Line(
                'alice.call("message", {"key": "k", "text": "hi"})',
                heard=["alice", "bob", "carol"],
                why="It has no address: that is everyone, the sender too.",
            ),
            Line(
                'alice.call("message", {"key": "k", "text": "ho"})',
                heard=[],
                why="The server knows this key of hers: it answers, and delivers nothing, whatever "
                "the text is.",
            ),
            Line(
                'carol.call("message", {"key": "k", "text": "hi"})',
                heard=["alice", "bob", "carol"],
                why="A key belongs to its sender, and Carol has never used this one.",
            ),
            Line("lab.cut(bob)"),
            Line(
                'alice.call("message", {"user": "bob", "text": "?"})',
                heard=[],
                why="Bob has no socket now: it is kept for him. Alice, who sent it, is left out.",
            ),
            Line('carol.call("message", {"text": "bye"})'),
            Line(
                "lab.mend(bob)",
                heard=["bob", "bob"],
                why="His offset is that of Carol's first message, and two have come since: the one "
                "to him and the one to everyone.",
            ),
            Line("lab.cut(alice)"),
            Line('carol.call("message", {"text": "alice?"})'),
            Line(
                "lab.mend(alice)",
                heard=[],
                why="Her auth has no offset: she did not ask for what she has missed.",
            ),
        ),
        events=("recieve-message", "single-message"),
        server=_chat,
        names={"ChatServer": ChatServer, "History": History},
        options={"faults": True},
        hint_text="""For each message: has this sender used the key before? For each one who comes
back: what does the auth say, and what is newer than that?""",
        praise="Keys belong to their sender, and who comes back gets what is newer than the offset "
        "that it gives. Without one, it gets nothing.",
    ),
    Repair(
        number="08.5",
        starter="""
def answer(bob, heard, room):
    seen = {"userId": "bob", "offset": 0}

    @bob.on("recieve-message")
    @bob.on("single-message")
    async def note(data):
        heard.append(data["text"])
        seen["offset"] = data["id"]

    return lambda: seen, lambda: {"room": room, "offset": seen["offset"]}
""",
        hint_text="""Look at the offset in Bob's join-room. Which message gave it to him, and what
was said in the room before that one, while he was away? What replays which messages?""",
        solution_text="""
def answer(bob, heard, room):
    seen = {"userId": "bob", "offset": 0}
    in_room = {"room": room, "offset": 0}

    @bob.on("recieve-message")
    @bob.on("single-message")
    async def note(data):
        heard.append(data["text"])
        where = in_room if "room" in data else seen
        where["offset"] = data["id"]

    return lambda: seen, lambda: in_room
""",
        praise="An offset says what one has of one replay. There are two replays, so there are "
        "two offsets.",
        play=_room_member,
        demo=_show_room_member,
        scenes=(
            _Post("alice", "carol", "team", ("red", "green", "blue")),
            _Post("dora", "erin", "choir", ("do", "re", "mi")),
        ),
        server=_chat,
    ),
]
