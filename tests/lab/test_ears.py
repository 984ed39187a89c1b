import asyncio

import aiohttp
import pytest
import socketio

from chatlib.lab import Lab
from chatlib.lab.ears import put_under
from support.waiting import eventually


class Speaker:
    def say(self):
        return ["hi"]


class Polite:
    def say(self):
        return [*super().say(), "please"]


class Loud:
    def say(self):
        return [text.upper() for text in super().say()]


def test_an_ear_hears_what_an_object_does_and_the_object_does_it():
    speaker = Speaker()
    put_under(speaker, Polite)
    put_under(speaker, Loud)
    assert speaker.say() == ["HI", "PLEASE"]
    assert isinstance(speaker, Speaker)
    assert type(speaker).__qualname__ == "Speaker"


@pytest.mark.parametrize("first", [0, 1])
def test_ears_are_taken_away_in_any_order(first):
    speaker = Speaker()
    steps = [put_under(speaker, Polite), put_under(speaker, Loud)]
    steps.pop(first)()
    assert speaker.say() == (["HI"] if first == 0 else ["hi", "please"])
    steps.pop()()
    assert type(speaker) is Speaker


async def test_an_ear_calls_what_the_reader_s_own_server_overrides():
    class Shouting(socketio.AsyncServer):
        async def emit(self, event, data=None, *args, **kwargs):
            await super().emit(event, data.upper(), *args, **kwargs)

    io = Shouting(async_mode="aiohttp")
    async with await Lab.open(io) as lab:
        heard = []
        alice = await lab.join("alice")
        alice.on("news", heard.append)
        await io.emit("news", "hi")
        await lab.settle()
        assert heard == ["HI"]
    assert type(io) is Shouting


async def test_a_server_that_is_back_watches_its_clients_again():
    io = socketio.AsyncServer(async_mode="aiohttp", ping_interval=0.05, ping_timeout=0.05)
    async with await Lab.open(io, faults=True) as lab:
        await lab.join("alice")
        await lab.faults.stop_server()
        await lab.faults.start_server()
        url = f"{lab.url}/socket.io/?EIO=4&transport=polling"
        async with aiohttp.ClientSession() as http, http.get(url) as answer:
            assert answer.ok  # it has a session, and never comes again
        await eventually(lambda: not io.eio.sockets)


async def test_a_client_manager_listens_again_when_its_server_is_back():
    class Manager(socketio.AsyncManager):
        listeners = 0

        def initialize(self):
            super().initialize()
            self.server.start_background_task(self.listen)

        async def listen(self):
            self.listeners += 1
            try:
                await asyncio.Event().wait()
            finally:
                self.listeners -= 1

    io = socketio.AsyncServer(async_mode="aiohttp", client_manager=Manager())
    async with await Lab.open(io, faults=True) as lab:
        await lab.join("alice")
        assert io.manager.listeners == 1
        await lab.faults.stop_server()
        assert io.manager.listeners == 0
        await lab.faults.start_server()
        await lab.join("bob")
        assert io.manager.listeners == 1
    assert io.manager.listeners == 0
