"""A complete Socket.IO chat server in Python, and a lab to watch it work in a notebook."""

from chatlib.server import ChatServer

__all__ = ["ChatServer"]
