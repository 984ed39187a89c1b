"""The chat server: every handler, in the order of the notes that it came from.

``io`` is the server, the whole circuit. ``sid`` is one socket, the connection of one client.
"""

import logging
from typing import Any

from socketio.exceptions import ConnectionRefusedError

from chatlib.answers import acknowledged
from chatlib.circuit import Circuit
from chatlib.delivery import Delivery
from chatlib.history import History, Message
from chatlib.identity import Identity, Trusting
from chatlib.limits import Limits
from chatlib.members import Members
from chatlib.messages import (
    CLIENT_EVENTS,
    EVERYONE,
    REFUSED_EVENT,
    Ack,
    BadInputError,
    group_room,
    read_address,
    read_key,
    read_room,
    refused,
)

logger = logging.getLogger("chatlib")


class ChatServer:
    """A chat over Socket.IO: welcome, broadcast, rooms, group chat and direct messages.

    Args:
        history: Where messages are kept, to be replayed; nothing is kept if not given.
        identity: Who is let in, and as whom; by default, everyone as who they say that they are.
        limits: How much one client may do.
        **options: Passed on to `socketio.AsyncServer`, for example ``client_manager`` with a
            `socketio.AsyncRedisManager` to let several servers be one chat.

    Attributes:
        io: The `socketio.AsyncServer`; add events of your own to it with ``io.on``.

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
        self.io = Circuit(self.limits, self.close, **options)
        self.io.on("connect", self.connect)
        self.io.on("message", self.message)
        self.io.on("join-room", self.join_room)
        self.io.on("leave-room", self.leave_room)
        self.io.on("disconnect", self.disconnect)
        self.io.on("*", self.unknown)
        self.delivery = Delivery(self.io, history)

    async def connect(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        """Accept a socket, or refuse it with one clear sentence."""
        try:
            address = environ["aiohttp.request"].remote
            sender = await self.identity.identify(sid, auth, address)
            offset = self.delivery.read_offset(auth)
            self.members.add(sender, environ)
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
            await self.delivery.let_in(sid, member.audience)
        if session := self.identity.session(member.sender):
            await self.io.emit("session", session, to=sid)
        await self.io.emit("welcome", f"Welcome to the server {sid}", to=sid)
        await self.io.emit("broadcast", f"{sid} joined the server", to=EVERYONE, skip_sid=sid)
        if offset is not None:
            await self.catch_up(sid, member.audience, offset)

    @acknowledged
    async def message(self, sid: str, data: Any) -> Ack:
        """Pass a message on: to a room or one socket, to a user, to the others or to everyone."""
        to = read_address(data)
        if isinstance(data, dict):
            data = data | {"from": self.members[sid].sender}

        if to.room:
            return await self.send(sid, "single-message", data, to=to.room, skip_sid=sid)
        if to.user:
            return await self.send(sid, "single-message", data, to=to.user, skip_sid=sid)
        if to.others:
            return await self.send(sid, "recieve-message", data, to=EVERYONE, skip_sid=sid)
        return await self.send(sid, "recieve-message", data, to=EVERYONE)

    @acknowledged
    async def join_room(self, sid: str, room: Any) -> Ack:
        """Bring a socket into a group's room, and give it what it has missed there."""
        name, offset = read_room(room), self.delivery.read_offset(room)
        group = group_room(name)
        self.members.join(sid, group)
        await self.delivery.let_in(sid, [group], offset)
        logger.info("User joined the room %s", name)
        return {"ok": True, "room": name}

    @acknowledged
    async def leave_room(self, sid: str, room: Any) -> Ack:
        """Take a socket out of a group's room."""
        group = group_room(room)
        self.members.leave(sid, group)
        await self.io.leave_room(sid, group)
        return {"ok": True, "room": room}

    async def disconnect(self, sid: str, reason: str) -> None:  # noqa: ARG002
        """Note that a socket has gone; python-socketio takes it out of its rooms."""
        self.members.remove(sid)
        logger.info("%s is disconnected", sid)

    async def unknown(self, event: str, sid: str, *data: Any) -> Ack:
        """Answer an event that the chat does not know."""
        return await self.refuse(sid, (event, *data))

    @acknowledged
    async def refuse(self, sid: str, called: Any) -> Ack:  # noqa: ARG002
        """Answer with the reason why nothing is done."""
        event, *data = called
        if event == REFUSED_EVENT:
            return refused(data[0])
        return refused(f"There is no such event here; there are {', '.join(CLIENT_EVENTS)}.")

    async def send(
        self, sid: str, event: str, data: Any, *, to: str, skip_sid: str | None = None
    ) -> Ack:
        """Emit what a socket sends; with a history, once it is kept."""
        user = self.members[sid].user
        key = read_key(data) if self.history else None
        self.limits.check_name(key or "", "key")
        self.limits.check_name(to.partition(":")[2])  # of a room or a user, after its kind
        sender = user[0] if user else sid
        return await self.delivery.send(Message(event, to, sender, data, key, skip_sid))

    async def catch_up(self, sid: str, rooms: list[str], offset: int) -> None:
        """Give a socket what it has missed and let it in, or else end its connection."""
        try:
            await self.delivery.let_in(sid, rooms, offset)
        except Exception:
            logger.exception("The replay for %s failed", sid)
            # As a lost connection, not as a goodbye: a browser comes back by itself then.
            if eio_sid := self.io.manager.eio_sid_from_sid(sid, "/"):
                await self.io.eio.disconnect(eio_sid)

    async def close(self) -> None:
        """Close the history; the server does so when it stops."""
        if self.history:
            await self.history.close()
