"""How long tests wait, and how."""

import asyncio
import threading

TIMEOUT = 10  # seconds, for everything that a test waits for, but what the next two are for
PATIENCE = 30  # seconds, for what takes long on a busy machine: a process's start, a flood's end
WHOLE_RUN = 120  # seconds, for a program that does all of its work and ends


async def eventually(condition, timeout=TIMEOUT):
    """Wait until ``condition()`` is true, for what no acknowledgement can tell."""
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110  (whatever it waits for tells nobody)
            await asyncio.sleep(0.005)


def threads_end():
    """Wait for the threads of databases that are closed: they end a moment after it."""
    for thread in threading.enumerate():
        if thread.name.startswith("chatlib history"):
            thread.join(TIMEOUT)
