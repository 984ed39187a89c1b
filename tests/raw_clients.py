"""Clients without a client library: what goes over the wire, to the letter."""

import asyncio
import base64
import contextlib
import itertools
import json
import re
import socket
import struct

import aiohttp
from conftest import TIMEOUT

from chatlib import ChatServer
from chatlib.messages import FiniteJson
from chatlib.web import WebServer

PATH = "/socket.io/?EIO=4&transport="


class RawClient:
    """A WebSocket of Engine.IO: sends any frame, and notes every frame that comes."""

    def __init__(self, websocket):
        self.websocket = websocket
        self.frames = []
        self.sid = None
        self._numbers = itertools.count(1)

    async def send(self, *frames):
        for frame in frames:
            if isinstance(frame, str):
                await self.websocket.send_str(frame)
            else:
                await self.websocket.send_bytes(frame)

    async def receive(self):
        """Return the next frame; None if the server hung up."""
        message = await self.websocket.receive(TIMEOUT)
        if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            return None
        self.frames.append(message.data)
        return message.data

    async def until(self, condition):
        """Return the next frame that fulfils the condition."""
        async with asyncio.timeout(TIMEOUT):
            while (frame := await self.receive()) is not None:
                if condition(frame):
                    return frame
        raise ConnectionError("The server hung up.")

    async def enter(self, auth=None):
        """Ask to be let in, and return the answer of the server, decoded."""
        await self.send("40" if auth is None else f"40{json.dumps(auth)}")
        frame = await self.until(lambda frame: frame[:2] in ("40", "44"))
        answer = json.loads(frame[2:])
        self.sid = answer.get("sid")
        return answer

    async def call(self, event, *arguments, attachments=()):
        """Send an event, and return the acknowledgement of the server."""
        return await self.call_raw(json.dumps([event, *arguments]), *attachments)

    async def call_raw(self, data, *attachments):
        """The same with text in place of the JSON."""
        number = next(self._numbers)
        kind = f"5{len(attachments)}-" if attachments else "2"
        await self.send(f"4{kind}{number}{data}", *attachments)
        return await self.answer_to(number)

    async def answer_to(self, number):
        frame = await self.until(lambda frame: re.match(rf"43{number}\D", str(frame)))
        [answer] = FiniteJson.loads(frame.removeprefix(f"43{number}"))
        return answer

    async def ended(self):
        """Wait until the server hangs up."""
        async with asyncio.timeout(TIMEOUT):
            while await self.receive() is not None:
                pass


async def flush(*clients):
    """Wait until all that the clients sent, and all that was sent to them, has arrived."""
    for _ in range(2):
        for client in clients:
            await client.call("flush")


class Stage:
    """A chat server that listens, and raw clients of it."""

    def __init__(self, chat, web, session):
        self.chat = chat
        self.web = web
        self.url = web.url
        self.session = session
        self._wires = []

    async def open(self):
        """Open a WebSocket, and nothing more."""
        websocket = await self.session.ws_connect(f"{PATH}websocket", max_msg_size=0)
        client = RawClient(websocket)
        assert (await client.receive())[0] == "0"
        client.frames.clear()
        return client

    async def client(self, auth=None):
        """A client that was let in and welcomed."""
        client = await self.open()
        answer = await client.enter(auth)
        assert "sid" in answer, answer
        await client.until(lambda frame: frame.startswith('42["welcome"'))
        return client

    async def wire(self, path=f"{PATH}websocket", buffer=None):
        """A `WireClient`, closed in the end."""
        self._wires.append(await WireClient.open(self.url, path, buffer))
        return self._wires[-1]

    async def hang_up(self, wire):
        self._wires.remove(wire)
        await wire.close()

    async def close(self):
        for wire in self._wires:
            await wire.close()

    async def poller(self):
        """The path of a polling session, and what came with its opening."""
        async with self.session.get(f"{PATH}polling") as answer:
            return f"{PATH}polling&sid={json.loads((await answer.text())[1:])['sid']}"

    async def post(self, path, body, **options):
        """Send a polling request; return its status and its text."""
        async with self.session.post(path, data=body, **options) as answer:
            return answer.status, await answer.text()

    async def get(self, path, **options):
        async with self.session.get(path, **options) as answer:
            return answer.status, await answer.text()

    @property
    def ghosts(self):
        """What the server still holds of clients."""
        io = self.chat.io
        return [
            *io.eio.sockets,
            *io.environ,
            *io.manager.rooms,
            *io.manager.pending_connect,
            *io.manager.pending_disconnect,
            *io.manager.callbacks,
            *self.chat.members._members,
            *self.chat.members._sockets,
            *io._gate.transports,
            *io._binary_packet,
        ]


@contextlib.asynccontextmanager
async def staged(**options):
    """A stage with a chat server of the given options."""
    chat = ChatServer(**options)
    web = WebServer(chat.io)
    await web.start()
    try:
        timeout = aiohttp.ClientTimeout(TIMEOUT)
        async with aiohttp.ClientSession(web.url, timeout=timeout) as session:
            stage = Stage(chat, web, session)
            yield stage
            await stage.close()
    finally:
        await web.stop()


class WireClient:
    """A WebSocket by hand on a bare TCP connection, which can send any bytes, and never read."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, url, path, buffer):
        host, port = url.removeprefix("http://").split(":")
        bare = socket.socket()
        if buffer:  # before connecting, or it is not what the kernel offers to the other side
            bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        bare.setblocking(False)
        await asyncio.get_running_loop().sock_connect(bare, (host, int(port)))
        reader, writer = await asyncio.open_connection(sock=bare, limit=buffer or 65_536)
        key = base64.b64encode(bytes(16)).decode()
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: Upgrade\r\n"
            f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
            "".encode()
        )
        async with asyncio.timeout(TIMEOUT):
            assert b"101" in (await reader.readuntil(b"\r\n\r\n")).splitlines()[0]
        return cls(reader, writer)

    def send(self, *frames):
        self.writer.write(b"".join(map(websocket_frame, frames)))

    async def hung_up_on(self):
        """Read, and forget, all that comes before the server closes the connection."""
        with contextlib.suppress(ConnectionError):
            while data := await self.reader.read(65_536):
                if b"\x88\x02\x03\xe8" in data[-64:]:  # closed, normally
                    return

    async def close(self):
        self.writer.transport.abort()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


def websocket_frame(frame):
    """A frame of a client, with a mask that changes nothing."""
    opcode, payload = (0x81, frame.encode()) if isinstance(frame, str) else (0x82, frame)
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", opcode, 0x80 | size)
    elif size < 65_536:
        head = struct.pack("!BBH", opcode, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", opcode, 0x80 | 127, size)
    return head + bytes(4) + payload
