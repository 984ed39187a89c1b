from functools import partial

import pytest
from exercise_checks import check_exercise

from chatlib.lab import exercise

# An answer that forgets an await leaves a coroutine behind, which Python warns of.
NEVER_AWAITED = "ignore:coroutine .* was never awaited:RuntimeWarning"


def handler(parameters, body):
    return (
        f'def answer(io):\n    @io.on("connect")\n'
        f"    async def connect({parameters}):\n        {body}"
    )


connect = partial(handler, "sid, environ, auth")


def reconnect(*lines):
    return "\n    ".join(["async def answer(alice, url):", *lines])


async def test_01_1():
    await check_exercise(
        exercise("01.1"),
        [
            (connect("return False"), "alice connected with auth={'name': 'Alice'} and should"),
            (connect("return True"), "bob connected without auth and should have been refused"),
            (connect("return 'name' in auth"), "TypeError"),
            (connect("return bool(auth)"), "carol connected with auth={'colour': 'red'}"),
            (
                connect("return bool(auth) and list(auth) == ['name']"),
                "dave connected with auth={'name': 'Dave', 'colour': 'blue'} and should have been",
            ),
            ("def answer(io): pass", "bob connected without auth"),
        ],
    )


@pytest.mark.filterwarnings(NEVER_AWAITED)
async def test_01_2():
    late = "io.start_background_task(io.emit, {})".format
    await check_exercise(
        exercise("01.2"),
        [
            (connect('await io.emit("welcome", "hello", to=sid)'), "welcome, then connect"),
            (connect(late('"welcome", "hello"')), "alice should not have heard"),
            (connect(late('"welcome", "hello", skip_sid=sid')), 'bob should have heard "welcome"'),
            (connect(late('"welcome", to=sid')), "but it carried nothing"),
            (connect("io.emit('welcome', 'hello', to=sid)"), "Nobody did"),
            (handler("sid", late('"welcome", "hello", to=sid')), "TypeError"),
        ],
    )


async def test_01_3():
    leave = "await alice.disconnect()"
    come_back = "await alice.connect(url)"
    await check_exercise(
        exercise("01.3"),
        [
            (reconnect("return alice.get_sid(), alice.get_sid()"), "saw her connect once"),
            (reconnect("a = alice.get_sid()", leave, "return a, None"), "saw her connect once"),
            (reconnect(leave, come_back, "return 'alice', alice.get_sid()"), "The first id should"),
            (reconnect(leave, "before = alice.get_sid()", come_back, "return before, 1"), "None"),
            (reconnect("a = alice.get_sid()", leave, come_back, "return a, a"), "the other one"),
            (
                reconnect("a = alice.sid", leave, come_back, "return a, alice.sid"),
                "it is another text",
            ),
            (
                reconnect("a = alice.get_sid()", leave, come_back, "print(a, alice.get_sid())"),
                "it returned None",
            ),
            (reconnect(leave, come_back, "return 5"), "it returned an int"),
            (reconnect(leave, come_back, "return alice.get_sid, 1"), "it is a method"),
            (
                reconnect(
                    "a = alice.get_sid()",
                    *(leave, come_back, "b = alice.get_sid()", leave, "return a, b"),
                ),
                "should be connected at the end",
            ),
        ],
    )
