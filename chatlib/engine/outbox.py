"""What waits for one client: whatever carries it takes it from here, so that order holds."""

import asyncio
from itertools import accumulate, takewhile

# About how many bytes a frame takes in memory besides its own.
_OVERHEAD = 50
# What leaves at once: as many bytes as the event loop takes before it asks for a pause.
_PORTION = 65_536


class Outbox:
    """The frames that wait, in the order in which they were sent.

    Attributes:
        frames: The frames.
        size: How many bytes they take in memory.
    """

    __slots__ = ("_emptied", "frames", "size")

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.size = 0
        self._emptied: asyncio.Future[None] | None = None

    def put(self, frame: bytes) -> None:
        """Add a frame at the end."""
        self.frames.append(frame)
        self.size += len(frame) + _OVERHEAD

    def take(self, most: int | None = None) -> list[bytes]:
        """Take a portion from the front; it has ``most`` frames at most, and at least one."""
        taken = self.frames
        if self.size <= _PORTION and (most is None or len(taken) <= most):
            self.clear()
        else:
            sizes = takewhile(lambda size: size <= _PORTION, accumulate(map(len, taken[:most])))
            taken = taken[: max(1, len(list(sizes)))]
            del self.frames[: len(taken)]
            self.size -= sum(map(len, taken)) + len(taken) * _OVERHEAD
        if not self.frames:
            self.wake()
        return taken

    def clear(self) -> None:
        """Forget all that waits."""
        self.frames, self.size = [], 0

    async def emptied(self) -> None:
        """Wait until nothing waits, or `wake`."""
        self._emptied = self._emptied or asyncio.get_running_loop().create_future()
        await asyncio.shield(self._emptied)

    def wake(self) -> None:
        """End all waiting for `emptied`."""
        if self._emptied:
            self._emptied.set_result(None)
            self._emptied = None
