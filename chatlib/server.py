"""The chat server: every handler, in the order of the notes that it came from.

``io`` is the server, the whole circuit. ``sid`` is one socket, the connection of one client.
"""

import logging
from collections.abc import Callable
from typing import Any

from socketio.exceptions import ConnectionRefusedError

from chatlib.answers import Answers, Handler
from chatlib.circuit import Circuit
from chatlib.delivery import Delivery
from chatlib.history import History, Message
from chatlib.identity import Identity, Trusting
from chatlib.limits import Limits
from chatlib.members import Members
from chatlib.messages import (
    EVERYONE,
    Ack,
    Audience,
    BadInputError,
    read_address,
    read_group,
    read_key,
    read_room,
)

logger = logging.getLogger("chatlib")


class ChatServer:
    """A chat over Socket.IO: welcome, broadcast, rooms, group chat and direct messages.

    Args:
        history: Where messages are kept, to be replayed; nothing is kept if not given.
        identity: Who is let in, and as whom; by default, everyone as who they say that they are.
        limits: How much one client may do.
        **options: Passed on to `chatlib.engine.Server`, for example ``client_manager`` with a
            `socketio.AsyncRedisManager` to let several servers be one chat.

    Attributes:
        io: The Socket.IO server, a `socketio.AsyncServer`.
        members: Who is in the chat: ``members[sid].sender`` is who a socket is.

    Raises:
        ValueError: There is a history and a ``client_manager``: a history has one server.
    """

    def __init__(
        self,
        *,
        history: History | None = None,
        identity: Identity | None = None,
        limits: Limits | None = None,
        **options: Any,
    ) -> None:
        if history and options.get("client_manager"):
            raise ValueError("A history belongs to one server; several cannot share it.")
        self.limits = limits or Limits()
        self.identity = identity or Trusting()
        self.members = Members(self.limits)
        self.history = history
        self.answers = Answers(self.members)
        self.io = Circuit(self.limits, self.members, self.close, **options)
        self.io.on("connect", self.connect)
        self.answers.on("message", self.message)
        self.answers.on("join-room", self.join_room)
        self.answers.on("leave-room", self.leave_room)
        self.io.on("disconnect", self.disconnect)
        self.io.on("*", self.answers.answer)
        self.delivery = Delivery(self.io, history)

    def event(self, name: str) -> Callable[[Handler], Handler]:
        """Decorate the handler of an event of your own, which is answered like those of the chat.

        Args:
            name: The event's name.

        Raises:
            TypeError: There is no name.
            ValueError: Socket.IO keeps the name for itself, or it has a handler already.
        """
        if not isinstance(name, str):  # the handler itself, if no name was given
            raise TypeError('An event needs a name, as in @chat.event("typing").')

        def register(handler: Handler) -> Handler:
            self.answers.on(name, handler)
            return handler

        return register

    async def connect(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        """Accept a socket, or refuse it with one clear sentence."""
        try:
            allowance = self.members.allowance(environ)
            address = environ["aiohttp.request"].remote
            sender = await self.identity.identify(sid, auth, address)
            offset = self.delivery.read_offset(auth)
            self.members.add(sender, allowance)
        except BadInputError as error:
            raise ConnectionRefusedError(str(error)) from None
        logger.info("User connected")
        logger.info("id :- %s", sid)
        # What is emitted in here would reach the client before it knows that it is connected.
        self.io.start_background_task(self.welcome, sid, offset)

    async def welcome(self, sid: str, offset: int | None) -> None:
        """Let an accepted socket in: tell it so, and tell everyone else."""
        if not (member := self.members.get(sid)):
            return
        if offset is None:
            await self.delivery.let_in(sid, member.audiences)
        if session := self.identity.session(member.sender):
            await self.io.emit("session", session, to=sid)
        await self.io.emit("welcome", f"Welcome to the server {sid}", to=sid)
        await self.io.emit("broadcast", f"{sid} joined the server", to=EVERYONE.room, skip_sid=sid)
        if offset is not None:
            await self.delivery.catch_up(sid, member.audiences, offset)

    async def message(self, sid: str, data: Any) -> Ack:
        """Pass a message on: to a room or one socket, to a user, to the others or to everyone."""
        to, others = read_address(data)
        if isinstance(data, dict):
            data = data | {"from": self.members[sid].sender}

        if to != EVERYONE:
            return await self.send(sid, "single-message", data, to=to, skip_sid=sid)
        if others:
            return await self.send(sid, "recieve-message", data, to=to, skip_sid=sid)
        return await self.send(sid, "recieve-message", data, to=to)

    async def join_room(self, sid: str, room: Any) -> Ack:
        """Bring a socket into a group's room, and give it what it has missed there."""
        name, offset = read_room(room), self.delivery.read_offset(room)
        group = read_group(name)
        self.members.join(sid, group)
        groups = self.members[sid].groups
        await self.delivery.let_in(sid, [group], offset, lambda: group in groups)
        logger.info("User joined the room %s", name)
        return {"ok": True, "room": name}

    async def leave_room(self, sid: str, room: Any) -> Ack:
        """Take a socket out of a group's room."""
        group = read_group(room)
        self.members.leave(sid, group)
        await self.io.leave_room(sid, group.room)
        return {"ok": True, "room": room}

    async def disconnect(self, sid: str, reason: str) -> None:  # noqa: ARG002
        """Note that a socket has gone; python-socketio takes it out of its rooms."""
        self.members.remove(sid)
        logger.info("%s is disconnected", sid)

    async def send(
        self, sid: str, event: str, data: Any, *, to: Audience, skip_sid: str | None = None
    ) -> Ack:
        """Emit what a socket sends; with a history, once it is kept."""
        key = read_key(data) if self.history else None
        self.limits.check_name(key or "", "key")
        if to.kind != "socket":  # the id of a socket may be as long as it is
            self.limits.check_name(to.name)
        sender = self.members[sid].address
        return await self.delivery.send(Message(event, to, sender, data, key, skip_sid))

    async def close(self) -> None:
        """Close the history; the server does so when it stops."""
        await self.delivery.close()
