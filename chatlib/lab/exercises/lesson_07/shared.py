"""What the exercises of lesson 07 share."""

import asyncio
from collections.abc import Callable

from chatlib.lab.exercises.stage import Stage

# A right answer does what is asked at once; one that has done nothing in so many looks never will.
# Looks are counted and not seconds: on a busy machine they take longer, as the answer does.
_LOOKS = 30
_LOOK = 0.02  # seconds
# While clients and server talk, more may come: such a look counts for a part of one.
_BUSY = 0.1
# Under load a right answer may be late once. A wrong one is wrong each time.
TRIES = 3
# A timer may be a little early: who waits for this part of a time has waited for it.
NEARLY = 0.9


async def comes(stage: Stage, test: Callable[[], bool]) -> bool:
    """Wait for something that should come at once; return whether it has."""
    looks, before = 0.0, len(stage.lab.trace.steps)
    while looks < _LOOKS and not test():
        await asyncio.sleep(_LOOK)
        steps = len(stage.lab.trace.steps)
        looks += 1 if steps == before else _BUSY
        before = steps
    return test()
