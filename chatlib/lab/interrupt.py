"""Makes the Interrupt button work on a cell that waits."""

import asyncio
import contextlib
import signal
import socket


class InterruptWatch:
    """Wakes the event loop when a signal comes, so that a waiting cell can be cancelled.

    ipykernel cancels the cell in a Python signal handler, but Python runs that only when the main
    thread runs Python code. A kernel has several threads; the signal often interrupts another one,
    and an event loop that waits for the network sleeps on. A wake-up descriptor ends its sleep.

    It leaves alone a wake-up descriptor that somebody else has set, and does nothing where there
    can be none: in a thread, or with an event loop that cannot watch sockets.
    """

    def __init__(self) -> None:
        self._sockets: tuple[socket.socket, socket.socket] | None = None

    def start(self) -> None:
        """Begin to watch, in the running event loop."""
        receiver, sender = socket.socketpair()
        receiver.setblocking(False)
        sender.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._sockets = receiver, sender
        try:
            self._loop.add_reader(receiver, self._drain, receiver)
            earlier = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        except (NotImplementedError, ValueError):
            self._close()
            return
        if earlier != -1:
            signal.set_wakeup_fd(earlier)
            self._close()

    def stop(self) -> None:
        """Stop to watch."""
        if self._sockets:
            found = signal.set_wakeup_fd(-1)
            if found != self._sockets[1].fileno():  # somebody else's by now
                signal.set_wakeup_fd(found)
            self._close()

    def _close(self) -> None:
        if self._sockets:
            with contextlib.suppress(NotImplementedError):
                self._loop.remove_reader(self._sockets[0])
            for end in self._sockets:
                end.close()
        self._sockets = None

    @staticmethod
    def _drain(receiver: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            receiver.recv(4096)
