"""The chat server: every handler, in the order of the notes that it came from.

``io`` is the server, the whole circuit. ``sid`` is one socket, the connection of one client.
"""

import logging
from typing import Any

import socketio
from socketio.exceptions import ConnectionRefusedError

from chatlib.messages import (
    CLIENT_EVENTS,
    EVERYONE,
    Ack,
    BadInputError,
    ChatPacket,
    Sender,
    acknowledged,
    group_room,
    new_socket_id,
    read_address,
    read_auth,
    refused,
    user_room,
)

logger = logging.getLogger("chatlib")


class ChatServer:
    """A chat over Socket.IO: welcome, broadcast, rooms, group chat and direct messages.

    Args:
        **options: Passed on to `socketio.AsyncServer`, for example ``client_manager`` with a
            `socketio.AsyncRedisManager` to let several servers be one chat.

    Attributes:
        io: The `socketio.AsyncServer`; add events of your own to it with ``io.on``.
    """

    def __init__(self, **options: Any) -> None:
        self.io = socketio.AsyncServer(async_mode="aiohttp", serializer=ChatPacket, **options)
        self.io.eio.generate_id = new_socket_id
        self.io.on("connect", self.connect)
        self.io.on("message", self.message)
        self.io.on("join-room", self.join_room)
        self.io.on("leave-room", self.leave_room)
        self.io.on("disconnect", self.disconnect)
        self.io.on("*", self.unknown)

    async def connect(self, sid: str, environ: dict[str, Any], auth: Any) -> None:  # noqa: ARG002
        """Accept a socket, or refuse it with one clear sentence."""
        try:
            sender = read_auth(sid, auth)
        except BadInputError as error:
            raise ConnectionRefusedError(str(error)) from None
        logger.info("User connected")
        logger.info("id :- %s", sid)
        await self.io.save_session(sid, sender)
        # What is emitted in here would reach the client before it knows that it is connected.
        self.io.start_background_task(self.welcome, sid)

    async def welcome(self, sid: str) -> None:
        """Let an accepted socket in: tell it so, and tell everyone else."""
        if not self.io.manager.is_connected(sid, "/"):
            return
        sender = await self.sender(sid)
        if "userId" in sender:
            await self.io.enter_room(sid, user_room(sender["userId"]))
        await self.io.enter_room(sid, EVERYONE)
        await self.io.emit("welcome", f"Welcome to the server {sid}", to=sid)
        await self.io.emit("broadcast", f"{sid} joined the server", to=EVERYONE, skip_sid=sid)

    @acknowledged
    async def message(self, sid: str, data: Any) -> Ack:
        """Pass a message on: to a room or one socket, to a user, to the others or to everyone."""
        to = read_address(data)
        sender = await self.sender(sid)
        if isinstance(data, dict):
            data = data | {"from": sender}
        # In a tuple, `None` is still one argument.
        data = (data,)

        if to.room:
            await self.io.emit("single-message", data, to=to.room, skip_sid=sid)
        elif to.user:
            own = [user_room(sender["userId"])] if "userId" in sender else []
            await self.io.emit("single-message", data, to=[to.user, *own], skip_sid=sid)
        elif to.others:
            await self.io.emit("recieve-message", data, to=EVERYONE, skip_sid=sid)
        else:
            await self.io.emit("recieve-message", data, to=EVERYONE)
        return {"ok": True}

    @acknowledged
    async def join_room(self, sid: str, room: Any) -> Ack:
        """Bring a socket into a group's room."""
        await self.io.enter_room(sid, group_room(room))
        logger.info("User joined the room %s", room)
        return {"ok": True, "room": room}

    @acknowledged
    async def leave_room(self, sid: str, room: Any) -> Ack:
        """Take a socket out of a group's room."""
        await self.io.leave_room(sid, group_room(room))
        return {"ok": True, "room": room}

    async def disconnect(self, sid: str, reason: str) -> None:  # noqa: ARG002
        """Note that a socket has gone; python-socketio takes it out of its rooms."""
        logger.info("%s is disconnected", sid)

    async def unknown(self, event: str, sid: str, *data: Any) -> Ack:  # noqa: ARG002
        """Answer an event that the chat does not know."""
        return refused(f"There is no such event here; there are {', '.join(CLIENT_EVENTS)}.")

    async def sender(self, sid: str) -> Sender:
        """Return who a socket is, as accepted on connecting."""
        sender: Sender = await self.io.get_session(sid)
        return sender
