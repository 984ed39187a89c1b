"""What the exercises of lesson 07 share."""

import asyncio
from collections.abc import Callable

# A right answer does what is asked at once; one that has not in so many looks never will. Looks are
# counted and not seconds: on a busy machine they take longer, as the answer does.
_LOOKS = 30
_LOOK = 0.02  # seconds
# Under load a right answer may be late once. A wrong one is wrong each time.
TRIES = 3
# A timer may be a little early: who waits for this part of a time has waited for it.
NEARLY = 0.9


async def comes(test: Callable[[], bool]) -> bool:
    """Wait for something that should come at once; return whether it has."""
    for _ in range(_LOOKS):
        if test():
            return True
        await asyncio.sleep(_LOOK)
    return test()
