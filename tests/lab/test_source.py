import asyncio
import contextlib
from functools import partial

import pytest

from chatlib.lab.source import function_behind, is_endless, syntax_tree


def work(*arguments):
    return arguments


# Each is a function as a reader may write it, that goes on for ever unless an error ends it.


async def ticks():
    while True:
        work()


async def begins_first():
    ready = []
    ready.append(1)
    while 1:
        work()


async def works_in_a_with():
    async with asyncio.Lock():
        with contextlib.suppress(ValueError):
            while True:
                work()


async def tidies_up():
    try:
        while True:
            work()
    finally:
        work()


async def knows_that_it_is_cancelled():
    while True:
        try:
            work()
        except asyncio.CancelledError:
            raise
        except ValueError:
            continue


async def breaks_an_inner_loop():
    while True:
        for n in range(10):
            if n:
                break


async def returns_in_an_inner_function():
    def two():
        return 2

    while True:
        work(two())


class Worker:
    async def work(self):
        while True:
            work()


# Each of these can end.


async def counts():
    for _ in range(3):
        work()


async def breaks():
    while True:
        if work():
            break


async def returns():
    while True:
        if work():
            return


async def returns_before():
    if asyncio.current_task():
        return
    while True:
        work()


async def raises():
    while True:
        raise StopAsyncIteration


async def swallows_the_error_that_ends_it():
    try:
        while True:
            work()
    except ValueError:
        pass


async def loops_perhaps():
    if asyncio.current_task():
        while True:
            work()


async def has_a_condition():
    n = 1
    while n:
        n -= 1


@pytest.mark.parametrize(
    "function",
    [
        ticks,
        begins_first,
        works_in_a_with,
        tidies_up,
        knows_that_it_is_cancelled,
        breaks_an_inner_loop,
        returns_in_an_inner_function,
        Worker().work,
        partial(ticks),
    ],
)
def test_what_cannot_end(function):
    assert is_endless(function)


async def breaks_in_an_else():
    while True:
        for _ in range(3):
            work()
        else:
            break


@pytest.mark.parametrize(
    "function",
    [
        counts,
        breaks,
        breaks_in_an_else,
        returns,
        returns_before,
        raises,
        swallows_the_error_that_ends_it,
        loops_perhaps,
        has_a_condition,
    ],
)
def test_what_can_end(function):
    assert not is_endless(function)


def test_what_has_no_source_may_end():
    scope = {}
    exec(compile("def tick():\n    while True:\n        pass", "<nowhere>", "exec"), scope)
    assert syntax_tree(scope["tick"]) is None
    assert not is_endless(scope["tick"])
    assert not is_endless(print)
    assert not is_endless(None)
    assert not is_endless(lambda: asyncio.sleep(1))


def test_the_function_behind_what_can_be_called():
    assert function_behind(ticks) is ticks
    assert function_behind(partial(Worker().work)) is Worker.work
    assert function_behind(print) is None
