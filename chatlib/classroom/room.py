"""A class as its instructor leads it, from a notebook."""

import asyncio
import contextvars
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self
from urllib.parse import quote

from chatlib.classroom.chat import ClassChat
from chatlib.classroom.record import Record
from chatlib.classroom.views import Live, QRCode, View, Views
from chatlib.history import History
from chatlib.limits import Limits
from chatlib.links import browser_url
from chatlib.messages import EVERYONE, Audience, read_group
from chatlib.web import WebServer

LIMITS = Limits(messages_per_second=5, burst=20)  # of what one phone may send
MOST_OPTIONS = 10
_ANY = "0.0.0.0"  # noqa: S104  (a class has a passcode)
_SHOWN = 8  # of the things said last

_open_rooms: dict[str, "Classroom"] = {}


class Classroom:
    """A class that people join from their phones. Open one with `Classroom.open`.

    Attributes:
        title: What it is called.
        chat: Its chat server, a `ChatServer`, which takes events of your own.
        link: Where people come in; the QR code holds it.
    """

    def __init__(self, title: str, record: Record, history: History, limits: Limits) -> None:
        self.title = title
        self.link = ""
        self.chat = ClassChat(title, record, history, limits)
        self._record = record
        self._web = WebServer(self.chat.io)
        self._views: dict[str, Live] = {}

    # -- open, save and close --

    @classmethod
    async def open(
        cls,
        title: str,
        *,
        file: str | Path | None = None,
        passcode: str | None = None,
        instructor: str = "Instructor",
        host: str = _ANY,
        port: int | None = None,
        limits: Limits = LIMITS,
    ) -> Self:
        """Open a class, and show how to come in, who is here and what is said.

        One of the same title that is open in this kernel is closed first.

        Args:
            title: What it is called.
            file: Where it is kept; a class that is kept there goes on. By default it is gone once
                it is closed.
            passcode: What people have to know; by default that of the file, or a random one.
            instructor: What you are called.
            host: The address to listen on; by default, all networks that this machine is on.
            port: The port; by default that of the file, or a free one.
            limits: How much one phone may do.

        Raises:
            OSError: It cannot listen there.
            sqlite3.Error: The file cannot be opened, or is in use.
        """
        if title in _open_rooms:
            await _open_rooms[title].close(for_good=file is None)
        history = History(file or ":memory:")
        record = Record(instructor, history)
        try:
            await record.open()
            given = {"passcode": passcode, "port": port}
            record.opened |= {key: value for key, value in given.items() if value is not None}
            room = cls(title, record, history, limits)
            await room._start(host)
        except BaseException:
            await history.close()
            raise
        return room

    async def _start(self, host: str) -> None:
        port = self._record.opened["port"]
        # In an empty context, ipykernel prints under the cell that runs.
        starting = asyncio.create_task(self._web.start(host, port), context=contextvars.Context())
        try:
            await starting
        except OSError as error:
            raise OSError(f"The class cannot listen on {host}:{port}: {error}") from error
        port = self._web.address[1]
        await self._record.note("opened", self._record.opened | {"port": port})
        url = f"http://{_own_address()}:{port}" if host == _ANY else self._web.url
        self.link = f"{browser_url(url)}#passcode={quote(self.passcode)}"
        _open_rooms[self.title] = self
        self._record.on_change = self._changed
        still = f"{self.title}: while the class is open, the way in and its people are shown here."
        self._views["board"] = Live(still, self._board)
        if self._record.open_poll:  # from before a restart
            self._show_poll()

    async def save(self, path: str | Path) -> None:
        """Write what was said to everyone into a file, with the polls; nothing private."""
        lines = await self._record.transcript()
        text = "\n".join([self.title, *lines, ""])
        Path(path).write_text(text, "utf-8", "replace")  # noqa: ASYNC240  (some kilobytes)

    async def close(self, *, for_good: bool = True) -> None:
        """Tell everybody that the class is over, and stop the server.

        Args:
            for_good: Whether it is over; or else the phones wait until it goes on.
        """
        if _open_rooms.get(self.title) is not self:
            return
        del _open_rooms[self.title]
        try:
            if self._record.open_poll and for_good:
                await self.close_poll()
        finally:  # even if the disk is full
            self._record.on_change = lambda: None
            if for_good:
                await self.chat.io.emit("class-closed", {}, to=EVERYONE.room)
            await self._web.stop()
            self._record.is_closed = True
            for view in self._views.values():
                view.end()

    # -- talk --

    @property
    def passcode(self) -> str:
        """What people have to know."""
        return str(self._record.opened["passcode"])

    @property
    def inbox(self) -> View:
        """What was said to you alone."""
        return View("For you alone", ["Name", "Text"], self._record.inbox)

    async def say(self, text: str, to: str | None = None) -> None:
        """Say something to everyone, or to one breakout room.

        Raises:
            ValueError: There is no such room.
        """
        if to is None:
            await self.chat.say("recieve-message", {"text": text}, EVERYONE)
        elif to in self._record.rooms:
            await self.chat.say("single-message", {"text": text, "room": to}, read_group(to))
        else:
            raise ValueError(f"There is no breakout room {to}.")

    async def tell(self, name: str, text: str) -> None:
        """Say something to one person alone."""
        user = self._record.find(name).user
        await self.chat.say("single-message", {"text": text, "user": user}, Audience("user", user))

    # -- people --

    @property
    def roster(self) -> View:
        """Who is here or was, whose hand is up, and who is in which breakout room."""
        record = self._record
        here = {self.chat.user(sid) for sid in self.chat.members}
        people = [person for person in record.people.values() if not person.is_removed]
        rows = [
            [
                person.name,
                "here" if person.user in here else "away",
                "up" if person.user in record.hands else "",
                record.room_of(person.user) or "",
            ]
            for person in people
        ]
        caption = f"{self.title}: {sum(person.user in here for person in people)} here"
        return View(caption, ["Name", "Where", "Hand", "Room"], rows)

    @property
    def hands(self) -> list[str]:
        """Whose hand is up, the first one first."""
        return [self._record.people[user].name for user in self._record.hands]

    async def lower(self, *names: str) -> None:
        """Lower the hands of some people, or all hands."""
        for user in [self._record.find(name).user for name in names] or [*self._record.hands]:
            await self.chat.set_hand(user, raised=False)

    async def remove(self, name: str) -> None:
        """Send somebody away: neither their phone nor their name is let in again.

        With the passcode they can come in as somebody new, unless you `lock` the class.
        """
        user = self._record.find(name).user
        await self._record.note("removed", {"user": user, "is_removed": True})
        await self.chat.remove(user)

    async def readmit(self, name: str) -> None:
        """Let somebody come back who was removed."""
        user = self._record.find(name).user
        await self._record.note("removed", {"user": user, "is_removed": False})

    async def lock(self, *, is_locked: bool = True) -> None:
        """Let nobody new in, or with ``is_locked=False`` let them in again.

        Those who were let in before can come back.
        """
        await self._record.note("locked", {"is_locked": is_locked})

    # -- polls --

    async def poll(self, question: str, options: Sequence[str]) -> None:
        """Ask everyone, and show the answers as they come; a poll that is open is closed first.

        Raises:
            ValueError: There is no question, or too few or too many options.
        """
        options = [*map(str, options)]
        if not all(text.strip() for text in (question, *options)):
            raise ValueError("A poll has a question, and options with a text.")
        if not 2 <= len(set(options)) == len(options) <= MOST_OPTIONS:
            raise ValueError(f"A poll has 2 to {MOST_OPTIONS} options, each another.")
        if self._record.open_poll:
            await self.close_poll()
        number = len(self._record.polls) + 1
        asked = {"poll": number, "question": question, "options": options}
        await self.chat.say("poll", asked, EVERYONE)
        self._show_poll()

    async def close_poll(self) -> View:
        """Close the poll, and tell everyone the result.

        Returns:
            The result, as a chart.

        Raises:
            ValueError: No poll is open.
        """
        if not (poll := self._record.open_poll):
            raise ValueError("No poll is open.")
        await self.chat.say("poll-closed", {**poll.asked, "counts": poll.counts}, EVERYONE)
        if view := self._views.pop("poll", None):
            view.end()
        return poll.chart()

    # -- breakout rooms --

    async def breakout(self, rooms: int | Mapping[str, Sequence[str]]) -> View:
        """Send people into rooms of their own; nobody else hears, joins or writes to these.

        Args:
            rooms: How many, for all who are here; or the names of the people in each.

        Returns:
            Who is where.

        Raises:
            ValueError: There is no room, or somebody is in two, or not in the class.
        """
        record = self._record
        if isinstance(rooms, int):
            here = [user for user in record.people if self.chat.sockets(user)]
            sent = {f"Room {n + 1}": here[n::rooms] for n in range(rooms)}
        else:
            sent = {room: [record.find(name).user for name in rooms[room]] for room in rooms}
        users = [user for room in sent.values() for user in room]
        if not sent or len(set(users)) < len(users):
            raise ValueError("There is at least one room, and nobody is in two.")
        for room in sent:
            read_group(room)
        await self.chat.move(sent)
        rows = [[room, ", ".join(record.people[user].name for user in sent[room])] for room in sent]
        return View("Breakout rooms", ["Room", "People"], rows)

    async def recall(self) -> None:
        """Bring everybody back, and close the breakout rooms."""
        await self.chat.move({})

    # -- what is shown --

    def _show_poll(self) -> None:
        poll = self._record.polls[-1]
        still = f"Poll {poll.number}: {poll.question} While it is open, the answers are shown here."
        self._views["poll"] = Live(still, poll.chart)

    def _board(self) -> View:
        where = self.link.partition("#")[0]
        way_in = View(f"Join at {where} with the passcode {self.passcode}")
        said = View("Said last", ["Name", "Text"], self._record.said[-_SHOWN:])
        return Views(way_in, QRCode(self.link), self.roster, said)

    def _changed(self) -> None:
        for view in self._views.values():
            view.changed()


def _own_address() -> str:
    """Return this machine's address on the network; without a network, that of its own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        try:
            wire.connect(("192.0.2.1", 9))  # nobody's address; nothing is sent
        except OSError:
            return "127.0.0.1"
        return str(wire.getsockname()[0])
