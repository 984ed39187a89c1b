"""A way to wait until something that is looked at has changed."""

import asyncio
from collections.abc import Callable


class Changes:
    """Lets tasks wait until something that they look at has changed.

    Attributes:
        count: How often anything has changed.
    """

    def __init__(self) -> None:
        self.count = 0
        self._event = asyncio.Event()

    def notify(self) -> None:
        """Wake all that wait, to look again."""
        self.count += 1
        self._event.set()
        self._event = asyncio.Event()

    async def until(self, true: Callable[[], object]) -> None:
        """Wait until ``true()`` is."""
        while not true():
            await self._event.wait()
