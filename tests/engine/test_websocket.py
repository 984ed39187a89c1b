import asyncio
import errno
from types import SimpleNamespace

from aiohttp import hdrs

from chatlib.engine import websocket
from chatlib.engine.websocket import WebSocket


class GoneTransport(asyncio.Transport):
    """The end of a connection that was reset, though nothing has been read of that yet."""

    def __init__(self):
        super().__init__()
        self.is_cut = False

    def is_closing(self):
        return self.is_cut

    def pause_reading(self):
        pass

    def write(self, data):
        pass

    def can_write_eof(self):
        return True

    def write_eof(self):
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    def abort(self):
        self.is_cut = True


async def test_who_has_gone_as_it_is_hung_up_on_leaves_no_connection(monkeypatch):
    monkeypatch.setattr(websocket, "GOODBYE", 0)
    transport = GoneTransport()
    request = SimpleNamespace(
        headers={hdrs.SEC_WEBSOCKET_KEY: "key"}, protocol=None, transport=transport
    )
    await WebSocket(request, 100).close("it does not speak WebSocket")
    assert transport.is_cut
