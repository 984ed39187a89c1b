"""Makes the Interrupt button work on a cell that waits."""

import asyncio
import contextlib
import signal
import socket
import threading
from typing import ClassVar, Self


class InterruptWatch:
    """Wakes the event loop when a signal comes, so that a waiting cell can be cancelled.

    ipykernel cancels the cell in a Python signal handler, but Python runs that only when the main
    thread runs Python code. A kernel has several threads; the signal often interrupts another one,
    and an event loop that waits for the network sleeps on. A wake-up descriptor ends its sleep.

    It leaves alone a wake-up descriptor that somebody else has set, and does nothing where there
    can be none: in a thread, or with an event loop that cannot watch sockets. Several watches share
    one descriptor.
    """

    _shared: ClassVar["_Descriptor | None"] = None
    _watching: ClassVar[set["InterruptWatch"]] = set()

    def start(self) -> None:
        """Start watching, in the running event loop."""
        if threading.current_thread() is not threading.main_thread():
            return
        if self._shared and self._shared.loop is not asyncio.get_running_loop():
            self._end()  # that loop has ended, and nobody has stopped watching
        if not self._shared:
            InterruptWatch._shared = _Descriptor.opened()
        if self._shared:
            self._watching.add(self)

    def stop(self) -> None:
        """Stop watching."""
        if self in self._watching:
            self._watching.discard(self)
            if not self._watching:
                self._end()

    @classmethod
    def _end(cls) -> None:
        cls._watching.clear()
        if cls._shared:
            cls._shared.close()
        cls._shared = None


class _Descriptor:
    """A wake-up descriptor, and the event loop that it wakes.

    Args:
        loop: The event loop.
        receiver: What the loop reads.
        sender: What signals are written to.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, receiver: socket.socket, sender: socket.socket
    ) -> None:
        self.loop = loop
        self._receiver = receiver
        self._sender = sender

    @classmethod
    def opened(cls) -> Self | None:
        """Return one for the running event loop, or None where there can be none."""
        descriptor = cls(asyncio.get_running_loop(), *socket.socketpair())
        if descriptor._is_set():
            return descriptor
        descriptor._let_go()
        return None

    def close(self) -> None:
        """Leave nothing behind."""
        found = signal.set_wakeup_fd(-1)
        if found != self._sender.fileno():  # somebody else's by now
            signal.set_wakeup_fd(found)
        self._let_go()

    def _is_set(self) -> bool:
        self._receiver.setblocking(False)
        self._sender.setblocking(False)
        try:
            self.loop.add_reader(self._receiver, _drain, self._receiver)
            earlier = signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)
        except (NotImplementedError, ValueError):
            return False
        if earlier != -1:
            signal.set_wakeup_fd(earlier)
        return earlier == -1

    def _let_go(self) -> None:
        with contextlib.suppress(NotImplementedError):
            self.loop.remove_reader(self._receiver)
        self._receiver.close()
        self._sender.close()


def _drain(receiver: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError):
        receiver.recv(4096)
