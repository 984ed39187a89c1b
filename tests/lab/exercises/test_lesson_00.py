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


knock = partial(handler, "knock", "sid")


@pytest.mark.filterwarnings(NEVER_AWAITED)
async def test_00_1():
    await check_exercise(
        exercise("00.1"),
        [
            (knock("await io.emit('who is their')"), 'alice heard "who is their"'),
            (knock("await io.emit('who is there', to=sid)"), "bob should have heard"),
            (knock("await io.emit('who is there', skip_sid=sid)"), "alice should have heard"),
            (knock("await io.emit('who is there', 'you?')"), 'but it carried "you?"'),
            (knock("return 'who is there'"), "Nobody did"),
            (
                knock("await io.emit('who is there'); await io.emit('who is there')"),
                "more than once",
            ),
            (handler("knock", "sid, text", "await io.emit('who is there')"), "TypeError"),
            ("def answer(io): io.emit('who is there')", "Nobody did"),
        ],
    )
