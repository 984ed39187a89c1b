from functools import partial

import pytest
from exercise_checks import check_exercise

from chatlib.lab import exercise

# An answer that forgets an await leaves a coroutine behind, which Python warns of.
NEVER_AWAITED = "ignore:coroutine .* was never awaited:RuntimeWarning"


def handler(event, parameters, body):
    return (
        f"def answer(io):\n    @io.on({event!r})\n"
        f"    async def handle({parameters}):\n        {body}"
    )


area = partial(handler, "area", "sid, width, height")
hello = partial(handler, "hello", "sid")


def paint(*calls):
    return "\n    ".join(["async def answer(alice):", *calls])


async def test_02_1():
    await check_exercise(
        exercise("02.1"),
        [
            (area("width * height"), "but it was nothing"),
            (area("return width + height"), "should have been 12, but it was 7"),
            (area("return 12"), "with 5 and 2, the answer should have been 10, but it was 12"),
            (area("return width, height"), "but it was (3, 4)"),
            (area("await io.emit('area', width * height, to=sid)"), 'alice heard "area"'),
            (handler("area", "sid, size", "return size[0] * size[1]"), "TypeError"),
            (handler("Area", "sid, width, height", "return width * height"), 'took "area"'),
        ],
    )


@pytest.mark.filterwarnings(NEVER_AWAITED)
async def test_02_2():
    await check_exercise(
        exercise("02.2"),
        [
            (paint('await alice.emit("paint", ["red", [3, 4]])'), "There was 1: ['red', [3, 4]]"),
            (paint('await alice.emit("paint", ("red", 3, 4))'), "There were 3: 'red', 3, 4"),
            (paint('await alice.emit("paint", "red", [3, 4])'), "one value: for several"),
            (paint('await alice.emit("paint", "red", 3, 4)'), "one value: for several"),
            (paint('await alice.emit("paint")'), "There were 0: none"),
            (paint('await alice.emit("pant", ("red", [3, 4]))'), 'It got "pant"'),
            (paint('alice.emit("paint", ("red", [3, 4]))'), "It never came"),
            (
                paint('await alice.emit("paint", "red")', 'await alice.emit("paint", [3, 4])'),
                "It came 2 times",
            ),
        ],
    )


async def test_02_3():
    ask = "name = await io.call('name?', to=sid); "
    await check_exercise(
        exercise("02.3"),
        [
            (hello(ask), 'everyone should have heard "joined"'),
            (hello(f"{ask}await io.emit('joined', name, to=sid)"), 'heard "joined"'),
            (hello(f"{ask}await io.emit('joined')"), "but it carried nothing"),
            (hello(f"{ask}await io.emit('joined', sid)"), 'should have carried "Alice", but'),
            (
                hello("name = await io.emit('name?', to=sid); await io.emit('joined', name)"),
                "but it carried nothing",
            ),
            (
                hello(
                    f"{ask}await io.emit('joined', name, to=sid); "
                    "await io.emit('joined', sid, skip_sid=sid)"
                ),
                'should have carried "Alice", but',
            ),
            (hello("await io.emit('name?')"), "alice alone should be asked"),
            (hello("name = await io.call('name?'); await io.emit('joined', name)"), "ValueError"),
            (hello("await io.emit('joined', 'Alice')"), "alice alone should be asked"),
        ],
    )
