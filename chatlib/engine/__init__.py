"""Engine.IO and Socket.IO for aiohttp: fast, strict, and with nothing of a chat in it."""

from chatlib.engine.engine import Engine
from chatlib.engine.fanout import Fanout
from chatlib.engine.server import Server

__all__ = ["Engine", "Fanout", "Server"]
