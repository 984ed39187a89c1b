"""Makes the Interrupt button work on a cell that waits."""

import asyncio
import contextlib
import signal
import socket
from typing import ClassVar


class InterruptWatch:
    """Wakes the event loop when a signal comes, so that a waiting cell can be cancelled.

    ipykernel cancels the cell in a Python signal handler, but Python runs that only when the main
    thread runs Python code. A kernel has several threads; the signal often interrupts another one,
    and an event loop that waits for the network sleeps on. A wake-up descriptor ends its sleep.

    It leaves alone a wake-up descriptor that somebody else has set, and does nothing where there
    can be none: in a thread, or with an event loop that cannot watch sockets. Several watches share
    one descriptor.
    """

    _sockets: ClassVar[tuple[socket.socket, socket.socket] | None] = None
    _watching: ClassVar[set["InterruptWatch"]] = set()

    def start(self) -> None:
        """Start watching, in the running event loop."""
        self._loop = asyncio.get_running_loop()
        if not self._sockets:
            self._open()
        if self._sockets:
            self._watching.add(self)

    def stop(self) -> None:
        """Stop watching."""
        self._watching.discard(self)
        if self._sockets and not self._watching:
            found = signal.set_wakeup_fd(-1)
            if found != self._sockets[1].fileno():  # somebody else's by now
                signal.set_wakeup_fd(found)
            self._close(*self._sockets)

    def _open(self) -> None:
        receiver, sender = socket.socketpair()
        receiver.setblocking(False)
        sender.setblocking(False)
        try:
            self._loop.add_reader(receiver, _drain, receiver)
            earlier = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        except (NotImplementedError, ValueError):
            self._close(receiver, sender)
            return
        if earlier != -1:
            signal.set_wakeup_fd(earlier)
            self._close(receiver, sender)
            return
        InterruptWatch._sockets = receiver, sender

    def _close(self, receiver: socket.socket, sender: socket.socket) -> None:
        InterruptWatch._sockets = None
        with contextlib.suppress(NotImplementedError):
            self._loop.remove_reader(receiver)
        receiver.close()
        sender.close()


def _drain(receiver: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError):
        receiver.recv(4096)
