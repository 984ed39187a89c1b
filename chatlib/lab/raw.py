"""A client without a library: its reader writes and reads every frame."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import aiohttp

from chatlib.lab.links import RAW_HEADER, Link, name_header
from chatlib.lab.trace import SERVER
from chatlib.lab.wire import Wire
from chatlib.web import GRACE, cancel

# Between two frames in the answer to a poll, and in a post.
SEPARATOR = "\x1e"

_MESSAGES = ("4", "b")  # what a frame with a Socket.IO packet begins with
_DATA = (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY)

_Result = TypeVar("_Result")


class Raw:
    """A client without a library: HTTP requests, and one WebSocket.

    Attributes:
        name: What pictures and errors call it.
    """

    def __init__(
        self,
        name: str,
        url: Callable[[], str],
        wire: Wire,
        timeout: float,
        turn: Callable[["Raw"], AbstractAsyncContextManager[None]],
    ) -> None:
        self.name = name
        self._url = url
        self._wire = wire
        self._timeout = timeout
        self._turn = turn
        self._http: aiohttp.ClientSession | None = None
        self._websocket: aiohttp.ClientWebSocketResponse | None = None
        self._heard: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._reading: asyncio.Task[None] | None = None
        self._link: Link | None = None
        self._sent = 0  # messages on that connection

    def __repr__(self) -> str:
        """Return the name, as ids and addresses differ at every run."""
        is_open = self._websocket and not self._websocket.closed
        return f"<{self.name}: {'a WebSocket is open' if is_open else 'no WebSocket'}>"

    async def get(self, path: str) -> str:
        """Return what the server answers to a GET request.

        Args:
            path: The path and the query, which begins with ``/``.

        Raises:
            LabTimeoutError: It did not answer.
            Exception: What a handler raised meanwhile.
        """
        __tracebackhide__ = True
        body = await self._watch(self._ask("GET", path), f"the answer to {self.name}'s GET request")
        self._note(body.split(SEPARATOR), SERVER, self.name, "GET")
        return body

    async def post(self, path: str, body: str) -> str:
        """Return what the server answers to a POST request.

        Args:
            path: The path and the query, which begins with ``/``.
            body: One frame, or several with `SEPARATOR` between them.

        Raises:
            LabTimeoutError: It did not answer.
            Exception: What a handler raised meanwhile.
        """
        __tracebackhide__ = True
        frames = body.split(SEPARATOR)
        self._note(frames, self.name, SERVER, "POST")
        asking = self._ask("POST", path, body)
        answer = await self._watch(asking, f"the answer to {self.name}'s POST request")
        await self._until_taken(frames)
        return answer

    async def websocket(self, path: str) -> None:
        """Open a WebSocket, in the place of an earlier one.

        Args:
            path: The path and the query, which begins with ``/``.

        Raises:
            LabTimeoutError: The server did not answer.
            ConnectionError: It refused.
            RuntimeError: The lab is closed.
        """
        __tracebackhide__ = True
        await self._hang_up()
        what = f"a WebSocket of {self.name} to be open"
        self._websocket = await self._watch(self._open(path), what)
        self._heard = asyncio.Queue()
        self._reading = asyncio.create_task(self._read(self._websocket, self._heard))

    async def send(self, frame: str | bytes) -> None:
        """Send a frame over the WebSocket; of a message, wait until the server has taken it.

        Args:
            frame: Text or bytes.

        Raises:
            RuntimeError: No WebSocket is open.
            LabTimeoutError: The server did not take it.
            Exception: What a handler raised meanwhile.
        """
        __tracebackhide__ = True
        if not self._websocket or self._websocket.closed:
            raise RuntimeError(f"{self.name} has no open WebSocket; websocket(path) opens one.")
        self._note([frame], self.name, SERVER)
        if isinstance(frame, str):
            await self._websocket.send_str(frame)
        else:
            await self._websocket.send_bytes(frame)
        await self._until_taken([frame])

    async def receive(self) -> str | bytes | None:
        """Return the next frame of the WebSocket; None if the server has hung up.

        Raises:
            RuntimeError: No WebSocket was opened.
            LabTimeoutError: None came.
            Exception: What a handler raised meanwhile.
        """
        __tracebackhide__ = True
        if not self._reading:
            raise RuntimeError(f"{self.name} has no open WebSocket; websocket(path) opens one.")
        frame = await self._watch(self._heard.get(), f"a frame to come to {self.name}")
        if frame is None:
            self._heard.put_nowait(None)  # there will never be another
        return frame

    async def leave(self) -> None:
        """Hang up without a goodbye, whatever is open."""
        await self._hang_up()
        if self._http:
            await self._http.close()
            self._http = None

    async def _ask(self, method: str, path: str, body: str | None = None) -> str:
        http = await self._session()
        async with http.request(method, self._url() + path, data=body) as response:
            return await response.text()

    async def _open(self, path: str) -> aiohttp.ClientWebSocketResponse:
        http = await self._session()
        timeout = aiohttp.ClientWSTimeout(ws_close=GRACE)
        try:
            return await http.ws_connect(self._url() + path, max_msg_size=0, timeout=timeout)
        except aiohttp.WSServerHandshakeError as error:
            refusal = f"The server does not open this WebSocket for {self.name}"
            raise ConnectionError(f"{refusal}; it answers {error.status}.") from None

    async def _session(self) -> aiohttp.ClientSession:
        if not self._wire.is_attached:
            raise RuntimeError(f"The lab of {self.name} is closed; a client belongs to its lab.")
        if not self._http:
            async with self._turn(self):
                self._http = aiohttp.ClientSession(headers=name_header(self.name, RAW_HEADER))
        return self._http

    async def _read(
        self, websocket: aiohttp.ClientWebSocketResponse, heard: asyncio.Queue[str | bytes | None]
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while (message := await websocket.receive()).type in _DATA:
                self._note([message.data], SERVER, self.name)
                heard.put_nowait(message.data)
        heard.put_nowait(None)

    async def _hang_up(self) -> None:
        if self._websocket:
            await self._websocket.close()
        if self._reading:
            await cancel([self._reading])

    async def _watch(self, coroutine: Coroutine[Any, Any, _Result], what: str) -> _Result:
        __tracebackhide__ = True
        return await self._wire.waiting.watch(coroutine, self._timeout, what)

    async def _until_taken(self, frames: list[str] | list[str | bytes]) -> None:
        """Wait until the server has taken the messages among some frames."""
        __tracebackhide__ = True
        if not (links := self._wire.links.named(self.name)):
            return
        if links[-1] is not self._link:
            self._link, self._sent = links[-1], 0
        link = links[-1]
        self._sent += sum(map(_is_message, frames))
        await self._wire.waiting.until(
            lambda: link.taken >= self._sent or not link.server_open,
            self._timeout,
            f"the server to take what {self.name} has sent",
        )

    def _note(
        self, frames: list[str] | list[str | bytes], source: str, target: str, over: str = ""
    ) -> None:
        """Record the frames that the lab's ear does not hear: all but messages."""
        for frame in frames:
            if frame and not _is_message(frame):
                by_hand = source == self.name
                self._wire.trace.add_client(self.name)
                self._wire.trace.add_frame(source, target, frame, by_hand=by_hand, over=over)


def _is_message(frame: str | bytes) -> bool:
    return isinstance(frame, bytes) or frame.startswith(_MESSAGES)
