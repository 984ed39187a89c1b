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

from support.waiting import TIMEOUT

POLLING, WEBSOCKET = (
    f"/socket.io/?EIO=4&transport={transport}" for transport in ("polling", "websocket")
)

# The frame that closes a WebSocket, with a code of 1000 or a little more, and perhaps a reason.
_CLOSE = re.compile(rb"\x88[\x02-\x7d]\x03[\xe8-\xff]", re.DOTALL)


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

    async def call(self, event, *arguments, attachments=(), timeout=TIMEOUT):
        """Send an event, and return the acknowledgement of the server."""
        async with asyncio.timeout(timeout):
            return await self.call_raw(json.dumps([event, *arguments]), *attachments)

    async def call_raw(self, data, *attachments):
        """The same with text in place of the JSON."""
        number = next(self._numbers)
        kind = f"5{len(attachments)}-" if attachments else "2"
        await self.send(f"4{kind}{number}{data}", *attachments)
        return await self.answer_to(number)

    async def answer_to(self, number):
        frame = await self.until(lambda frame: re.match(rf"43{number}\D", str(frame)))
        [answer] = json.loads(frame.removeprefix(f"43{number}"), parse_constant=_no_json)
        return answer

    async def ended(self):
        """Wait until the server hangs up."""
        async with asyncio.timeout(TIMEOUT):
            while await self.receive() is not None:
                pass


def _no_json(constant):
    raise ValueError(f"No browser reads {constant}.")


class WireClient:
    """A WebSocket by hand on a bare TCP connection, which can send any bytes, and never read.

    Attributes:
        head: What the server answered to the handshake, in lower case.
    """

    def __init__(self, reader, writer, head):
        self.reader = reader
        self.writer = writer
        self.head = head

    @classmethod
    async def open(cls, url, path, *, address=None, buffer=None, headers=()):
        host, port = url.removeprefix("http://").split(":")
        bare = socket.socket()
        if address:
            bare.bind((address, 0))
        if buffer:  # before connecting, or it is not what the kernel offers to the other side
            bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        bare.setblocking(False)
        await asyncio.get_running_loop().sock_connect(bare, (host, int(port)))
        reader, writer = await asyncio.open_connection(sock=bare, limit=buffer or 65_536)
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {host}:{port}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}",
            *headers,
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        async with asyncio.timeout(TIMEOUT):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        assert head.startswith("http/1.1 101"), head
        return cls(reader, writer, head)

    def send(self, *frames):
        self.writer.write(b"".join(map(websocket_frame, frames)))

    async def hung_up_on(self):
        """Read, and forget, all that comes before the server closes the connection."""
        with contextlib.suppress(ConnectionError):
            while data := await self.reader.read(65_536):
                if _CLOSE.search(data[-200:]):
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
