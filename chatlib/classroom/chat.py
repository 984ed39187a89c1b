"""The chat server of a class: who may come in, and what phones may send."""

from typing import Any

from chatlib.classroom.record import INSTRUCTOR, Person, Record, alike, is_invisible
from chatlib.history import History, Message
from chatlib.identity import Passcode
from chatlib.limits import Limits
from chatlib.messages import Ack, Audience, BadInputError, Sender, read_group, read_room
from chatlib.server import ChatServer

REMOVED = "You were removed from this class."
LONGEST_NAME, MOST_PEOPLE = 40, 1000


class Door(Passcode):
    """Lets people in by the passcode, each with a name of their own, and removed ones not at all.

    Args:
        record: Who is known.
    """

    def __init__(self, record: Record) -> None:
        super().__init__(record.opened["passcode"], record.opened["secret"])
        self._record = record

    async def identify(self, sid: str, auth: Any, address: str | None) -> Sender:
        """Return who a socket is; whoever was here before is called as they were then."""
        sender = await super().identify(sid, auth, address)
        user, people = str(sender["userId"]), self._record.people
        if user not in people:
            people[user] = self._newcomer(user, " ".join(sender.get("name", "").split()))
        if people[user].is_removed:
            raise BadInputError(REMOVED)
        return {**sender, "name": people[user].name}

    def _newcomer(self, user: str, name: str) -> Person:
        record = self._record
        if record.is_locked or len(record.people) >= MOST_PEOPLE:
            raise BadInputError("The class is closed to newcomers.")
        if len(name) > LONGEST_NAME:  # first, as to look at a long one takes long
            raise BadInputError(f"A name may have {LONGEST_NAME} characters, not more.")
        if is_invisible(name):
            raise BadInputError("Give your name to come in.")
        if record.called(name) or alike(name, record.instructor):
            raise BadInputError(f"Somebody is here as {name} already; take another name.")
        return Person(user, name)


class ClassChat(ChatServer):
    """A `ChatServer` with polls, hands and breakout rooms.

    Args:
        title: What the class is called.
        record: What is known of it.
        history: Where that is kept.
        limits: How much one phone may do.
    """

    def __init__(self, title: str, record: Record, history: History, limits: Limits) -> None:
        super().__init__(history=history, identity=Door(record), limits=limits)
        self._title = title
        self._record = record
        self.event("hand")(self.hand)
        self.event("answer")(self.answer)

    # -- what phones send --

    async def welcome(self, sid: str, offset: int | None) -> None:
        """Let a socket in, and tell it how the class stands."""
        await super().welcome(sid, offset)
        if not self.members.get(sid):
            return
        person = self._record.people[self.user(sid)]
        if not person.is_noted:
            await self._record.note("joined", {"user": person.user, "name": person.name})
        await self.io.emit("classroom", self._state(person.user), to=sid)
        self._record.on_change()

    async def hand(self, sid: str, data: Any) -> None:
        """Raise or lower somebody's hand."""
        raised = data.get("raised") if isinstance(data, dict) else None
        if not isinstance(raised, bool):
            raise BadInputError("raised must be true or false.")
        await self.set_hand(self.user(sid), raised=raised)

    async def answer(self, sid: str, data: Any) -> None:
        """Answer the open poll; the last answer of a person counts."""
        poll, given = self._record.open_poll, data if isinstance(data, dict) else {}
        if not poll or given.get("poll") != poll.number:
            raise BadInputError("This poll is not open.")
        option = given.get("option")
        if type(option) is not int or not 0 <= option < len(poll.options):
            raise BadInputError("There is no such option.")
        user = self.user(sid)
        await self._record.note("answered", {"user": user, "poll": poll.number, "option": option})
        if not poll.is_open:  # it was closed meanwhile
            raise BadInputError("This poll is not open.")

    async def join_room(self, sid: str, room: Any) -> Ack:
        """Bring a socket into a group; into a breakout room, if it belongs there.

        What was said in a room of that name before this one began is not for it.
        """
        since = self._check_breakout(sid, read_group(read_room(room)))
        if since and self.delivery.read_offset(room) is not None:
            room = {**room, "offset": max(room["offset"], since)}
        return await super().join_room(sid, room)

    async def send(
        self, sid: str, event: str, data: Any, *, to: Audience, skip_sid: str | None = None
    ) -> Ack:
        """Emit what a socket sends; into a breakout room, if it belongs there."""
        self._check_breakout(sid, to)
        sender = self.members[sid].address
        ack = await super().send(sid, event, data, to=to, skip_sid=skip_sid)
        if ack["ok"]:
            self._record.read(Message(event, to, sender, data, id=ack["id"]))
        return ack

    async def disconnect(self, sid: str, reason: str) -> None:
        """Note that a socket has gone."""
        await super().disconnect(sid, reason)
        self._record.on_change()

    # -- what the instructor does --

    async def say(self, event: str, data: dict[str, Any], to: Audience) -> None:
        """Send something of the instructor's, once it is kept.

        Raises:
            RuntimeError: It cannot be kept, or the class is closed.
        """
        me = {"id": INSTRUCTOR.name, "userId": INSTRUCTOR.name, "name": self._record.instructor}
        message = Message(event, to, INSTRUCTOR, data | {"from": me})
        if self._record.is_closed:
            raise RuntimeError("This class is closed.")
        ack = await self.delivery.send(message)
        if not ack["ok"]:
            raise RuntimeError(ack["error"])
        self._record.read(message._replace(id=ack["id"]))

    async def tell(self, user: str, event: str, data: dict[str, Any]) -> None:
        """Emit something to all sockets of a user."""
        await self.io.emit(event, data, to=Audience("user", user).room)

    async def set_hand(self, user: str, *, raised: bool) -> None:
        """Raise or lower a user's hand, and tell all tabs of theirs."""
        hands = self._record.hands
        hands.setdefault(user) if raised else hands.pop(user, None)
        self._record.on_change()
        await self.tell(user, "hand", {"raised": raised})

    async def remove(self, user: str) -> None:
        """Hang up on a user, whom the record has as removed."""
        await self.tell(user, "removed", {"reason": REMOVED})
        for sid in self.sockets(user):
            await self.io.disconnect(sid)

    async def move(self, rooms: dict[str, list[str]]) -> None:
        """Send users into breakout rooms, all others back."""
        moved = {user for users in self._record.rooms.values() for user in users}
        await self._record.note("breakout", {"rooms": rooms})
        for sid in [*self.members]:
            await self._seat(sid)
        for user in moved.union(*rooms.values()):
            await self.tell(user, "breakout", {"room": self._record.room_of(user)})

    def user(self, sid: str) -> str:
        """Return the user id of a socket."""
        return str(self.members[sid].sender["userId"])

    def sockets(self, user: str) -> list[str]:
        """Return the sockets of a user."""
        return [sid for sid in self.members if self.user(sid) == user]

    async def _seat(self, sid: str) -> None:
        """Take a socket out of all breakout rooms but its own, and bring it there."""
        if not (member := self.members.get(sid)):
            return
        own = self._record.room_of(self.user(sid))
        for group in [*member.groups]:
            if group.name in self._record.since and group.name != own:
                member.groups.discard(group)
                await self.io.leave_room(sid, group.room)
        if own:
            member.groups.add(read_group(own))
            await self.delivery.let_in(sid, [read_group(own)])

    def _check_breakout(self, sid: str, to: Audience) -> int:
        """Return the id with which a breakout room began, or 0 if it is none; or refuse."""
        if to.kind != "group" or to.name not in self._record.since:
            return 0
        if self._record.room_of(self.user(sid)) != to.name:
            raise BadInputError(f"You are not in {to.name}.")
        return self._record.since[to.name]

    def _state(self, user: str) -> dict[str, Any]:
        record, poll = self._record, self._record.open_poll
        return {
            "title": self._title,
            "instructor": {"userId": INSTRUCTOR.name, "name": record.instructor},
            "room": record.room_of(user),
            "hand": user in record.hands,
            "poll": poll and {**poll.asked, "answer": poll.answers.get(user)},
        }
