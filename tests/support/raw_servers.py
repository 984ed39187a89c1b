"""What tests say by hand to a server that listens, and servers that do nothing but listen."""

import aiohttp
from aiohttp import web

from support.raw_clients import WEBSOCKET, RawClient, WireClient
from support.waiting import TIMEOUT


class RawRequests:
    """Requests and WebSockets of no client library.

    Attributes:
        url: Where the server listens.
        path: Where it takes WebSockets that begin a session.
    """

    path = WEBSOCKET

    def open_requests(self, url):
        self.url = url
        self._wires = []
        self.http = aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(TIMEOUT))

    async def close_requests(self):
        for wire in self._wires:
            await wire.close()
        await self.http.close()

    async def get(self, path, **options):
        async with self.http.get(path, **options) as answer:
            return answer.status, await answer.text()

    async def post(self, path, body, **options):
        """Send a polling request; return its status and its text."""
        async with self.http.post(path, data=body, **options) as answer:
            return answer.status, await answer.text()

    async def upgrading(self, path):
        """Open a WebSocket, on which nothing has been received; also that of a polling session."""
        path = path.replace("polling", "websocket")
        return RawClient(await self.http.ws_connect(path, max_msg_size=0))

    async def wire(self, path=None, **options):
        """Open a WebSocket by hand, on which nothing is read; it is closed in the end."""
        self._wires.append(await WireClient.open(self.url, path or self.path, **options))
        return self._wires[-1]


class BareServer(RawRequests):
    """A server of Socket.IO or Engine.IO alone in an application."""

    async def listen(self, server):
        app = web.Application()
        server.attach(app)
        self.runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=1
        )
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.open_requests(f"http://127.0.0.1:{self.runner.addresses[0][1]}")

    async def stop_listening(self, server):
        await self.close_requests()
        await server.shutdown()
        for connection in self.runner.server.connections:
            connection.force_close()
        await self.runner.cleanup()
