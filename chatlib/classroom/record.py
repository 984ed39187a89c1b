"""What a class is: what its history tells of it.

All that happens is kept as messages, some of them notes that nobody but the instructor could get.
So a class with a file goes on where it was, after its kernel was restarted.
"""

import re
import secrets
import unicodedata
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from chatlib.classroom.views import View
from chatlib.history import History, Message
from chatlib.messages import EVERYONE, Audience

INSTRUCTOR = Audience("user", "instructor")  # an id that nobody else gets: theirs are drawn
MOST_LINES = 100  # are remembered of what was said
# Letters and marks that nothing is to be seen of, beside all that are separators or controls.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another


@dataclass
class Person:
    """Somebody who was let into a class.

    Attributes:
        user: The user id.
        name: What they are called, from their first coming on.
        is_noted: Whether the history knows them.
        is_removed: Whether they were sent away.
    """

    user: str
    name: str
    is_noted: bool = False
    is_removed: bool = False


@dataclass
class Poll:
    """A question with options.

    Attributes:
        number: Its number in the class, from 1.
        answers: By user, the place of the option that is the answer.
    """

    number: int
    question: str
    options: list[str]
    answers: dict[str, int] = field(default_factory=dict)
    is_open: bool = True

    @property
    def asked(self) -> dict[str, Any]:
        """The question as phones get it."""
        return {"poll": self.number, "question": self.question, "options": self.options}

    @property
    def counts(self) -> list[int]:
        """How many have chosen each option."""
        return [[*self.answers.values()].count(n) for n in range(len(self.options))]

    def chart(self) -> View:
        """Return the answers as a bar chart."""
        most = max(*self.counts, 1)
        counted = zip(self.options, self.counts, strict=True)
        rows = [[option, count / most, count] for option, count in counted]
        caption = f"Poll {self.number}: {self.question} ({len(self.answers)} answered)"
        return View(caption, ["Option", "Share", "Answers"], rows)


class Record:
    """The people, the polls and the talk of a class.

    Args:
        instructor: What the instructor is called.
        history: Where it is kept.

    Attributes:
        opened: The passcode, the secret of the tokens, and the port.
        people: Everybody who was let in, by user id.
        polls: All polls; the last one may be open.
        hands: Whose hand is up, the first one first; of the live class, and not kept.
        rooms: The users in each breakout room.
        since: By the name of each breakout room that there ever was, the id with which it began.
        is_locked: Whether nobody new is let in.
        is_closed: Whether nothing more can be kept or read.
        on_change: Is called when anything has changed.
    """

    def __init__(self, instructor: str, history: History) -> None:
        self.instructor = instructor
        self.opened: dict[str, Any] = {
            "passcode": _new_passcode(),
            "secret": secrets.token_urlsafe(32),
            "port": 0,
        }
        self.people: dict[str, Person] = {}
        self.polls: list[Poll] = []
        self.hands: dict[str, None] = {}
        self.rooms: dict[str, list[str]] = {}
        self.since: dict[str, int] = {}
        self.is_locked = False
        self.is_closed = False
        self.on_change: Callable[[], None] = lambda: None
        self._history = history
        self._said: dict[int, tuple[str, str]] = {}
        self._inbox: dict[int, tuple[str, str]] = {}

    async def open(self) -> None:
        """Read what was kept before."""
        await self._history.open()
        async for message in self._kept(EVERYONE, INSTRUCTOR):
            self.read(message)

    async def note(self, event: str, data: dict[str, Any]) -> None:
        """Keep something that is the class's own business, and act on it."""
        self._check_open()
        note = Message(event, INSTRUCTOR, INSTRUCTOR, data)
        [kept] = await self._history.keep([note])
        if isinstance(kept, Exception):
            raise kept
        self.read(note._replace(id=kept.id))

    def _check_open(self) -> None:
        if self.is_closed:
            raise RuntimeError("This class is closed.")

    def read(self, message: Message) -> None:
        """Act on a message that was kept, now or before the class was opened again."""
        data, is_mine = message.data, message.sender == INSTRUCTOR
        match message.event:
            case "opened":
                self.opened |= data
            case "joined":
                person = self.people.setdefault(data["user"], Person(data["user"], data["name"]))
                person.is_noted = True
            case "removed":
                self.people[data["user"]].is_removed = data["is_removed"]
                self.hands.pop(data["user"], None)
            case "locked":
                self.is_locked = data["is_locked"]
            case "breakout":
                self.rooms = data["rooms"]
                self.since |= dict.fromkeys(self.rooms, message.id)
            case "poll":
                self.polls.append(Poll(data["poll"], data["question"], data["options"]))
            case "answered" if self.open_poll and self.open_poll.number == data["poll"]:
                self.open_poll.answers[data["user"]] = data["option"]
            case "poll-closed":
                self.polls[-1].is_open = False
            case "recieve-message":
                self._hear(self._said, message)
            case "single-message" if message.to == INSTRUCTOR and not is_mine:
                self._hear(self._inbox, message)
        self.on_change()

    @property
    def open_poll(self) -> Poll | None:
        """The poll that can be answered now."""
        return self.polls[-1] if self.polls and self.polls[-1].is_open else None

    @property
    def said(self) -> list[tuple[str, str]]:
        """The last things said to everyone, each after its speaker's name."""
        return [line for _, line in sorted(self._said.items())]

    @property
    def inbox(self) -> list[tuple[str, str]]:
        """The last things said to the instructor alone, each after its speaker's name."""
        return [line for _, line in sorted(self._inbox.items())]

    def find(self, name: str) -> Person:
        """Return who is called so.

        Raises:
            ValueError: Nobody is.
        """
        if person := self.called(name):
            return person
        raise ValueError(f"Nobody in this class is called {name}.")

    def called(self, name: str) -> Person | None:
        """Return who has this name, or one that looks like it."""
        return next((each for each in self.people.values() if alike(each.name, name)), None)

    def room_of(self, user: str) -> str | None:
        """Return the breakout room that a user was sent to."""
        return next((room for room, users in self.rooms.items() if user in users), None)

    async def transcript(self) -> list[str]:
        """Return what was said to everyone, and the polls, a line each; nothing private."""
        self._check_open()
        return [_indented(self._line(message)) async for message in self._kept(EVERYONE)]

    def _line(self, message: Message) -> str:
        who, data = self._name(message), message.data
        if message.event == "poll":
            return f"{who} asked: {data['question']}"
        if message.event == "poll-closed":
            counted = zip(data["options"], data["counts"], strict=True)
            return "Answers: " + ", ".join(f"{option} {count}" for option, count in counted)
        return f"{who}: {_text(data)}"

    def _hear(self, where: dict[int, tuple[str, str]], message: Message) -> None:
        where[message.id] = (self._name(message), _text(message.data))
        for old in sorted(where)[:-MOST_LINES]:
            del where[old]

    def _name(self, message: Message) -> str:
        if message.sender == INSTRUCTOR:
            return self.instructor
        return self.people[message.sender.name].name

    async def _kept(self, *audiences: Audience) -> AsyncIterator[Message]:
        after, more = 0, True
        while more:
            page = await self._history.missed(audiences, after, 2**53)
            after, more = page.after, page.more
            for entry in page.entries:
                if isinstance(entry, Message):
                    yield entry


def alike(one: str, other: str) -> bool:
    """Tell whether two names look the same, nearly: in another case, with other spaces."""
    return _looks(one) == _looks(other)


def is_invisible(name: str) -> bool:
    """Tell whether nothing is to be seen of a name."""
    return not _looks(name)


def _looks(name: str) -> str:
    folded = unicodedata.normalize("NFKC", name).casefold()
    seen = _UNSEEN.sub("", folded)
    return "".join(letter for letter in seen if unicodedata.category(letter)[0] not in "ZC")


def _indented(text: str) -> str:
    """Return a text whose further lines do not look like somebody else's."""
    shown = "".join(c for c in text if c.isspace() or unicodedata.category(c) != "Cc")
    return "\n    ".join(shown.splitlines())


def _text(data: Any) -> str:
    return str(data.get("text", "") if isinstance(data, dict) else data)


def _new_passcode() -> str:
    letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"
