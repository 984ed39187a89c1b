from functools import partial

from exercise_checks import check_exercise

from chatlib.lab import exercise


def handler(event, parameters, *body):
    lines = "\n".join(f"        {line}" for line in body)
    return (
        f"def answer(io):\n    @io.on({event!r})\n    async def handle(sid, {parameters}):\n{lines}"
    )


enter = partial(handler, "enter", "room")
say = partial(handler, "say", "room, text")


def moves(*lines):
    return "async def answer(bob):\n" + "\n".join(f"    {line}" for line in lines)


async def test_04_1():
    await check_exercise(
        exercise("04.1"),
        [
            (
                enter("await io.enter_room(sid, room)", "await io.emit('entered', room, to=room)"),
                "the first to do so, alice should not have heard",
            ),
            (
                enter("await io.emit('entered', room, to=room, skip_sid=sid)"),
                'the server emitted "roll call" to "red", alice should have heard',
            ),
            (
                enter(
                    "await io.enter_room(sid, room)",
                    "await io.emit('entered', room, skip_sid=sid)",
                ),
                "bob and carol should not have heard",
            ),
            (enter("await io.enter_room(sid, room)"), 'alice should have heard "entered"'),
            (
                enter(
                    "await io.emit('entered', room, to=room, skip_sid=sid)",
                    "if room not in io.manager.rooms['/']:",
                    "    await io.enter_room(sid, room)",
                ),
                'bob, too, entered "red" and the server emitted "roll call" to "red", bob should',
            ),
            (
                enter(
                    "await io.enter_room(sid, room)",
                    "await io.emit('entered', 'red', to='red', skip_sid=sid)",
                ),
                "an empty room, alice and bob should not have heard",
            ),
            (
                enter(
                    "await io.enter_room(sid, room)",
                    "await io.emit('entered', to=room, skip_sid=sid)",
                ),
                "but it carried nothing.",
            ),
        ],
    )


async def test_04_2():
    await check_exercise(
        exercise("04.2"),
        [
            (
                say("await io.emit('said', text, to=room)", "return True"),
                'carol, who is only in "blue", said "psst" in "red", alice and bob should not',
            ),
            (
                say("if room in io.rooms(sid):", "    await io.emit('said', text, to=room)"),
                "should have returned True, not None",
            ),
            (
                say(
                    "if room in io.rooms(sid):",
                    "    await io.emit('said', text, to=room)",
                    "    return True",
                ),
                "should have returned False, not None",
            ),
            (
                say(
                    "if room not in io.rooms(sid):",
                    "    return False",
                    "await io.emit('said', text, to=room, skip_sid=sid)",
                    "return True",
                ),
                'alice should have heard "said" and did not',
            ),
            (
                say(
                    "if room not in io.rooms(sid):",
                    "    return False",
                    "await io.emit('said', text)",
                    "return True",
                ),
                "carol should not have heard",
            ),
            (
                say(
                    "if len(io.rooms(sid)) < 2:",
                    "    return False",
                    "await io.emit('said', text, to=room)",
                    "return True",
                ),
                "alice and bob should not have heard",
            ),
        ],
    )


async def test_04_3():
    await check_exercise(
        exercise("04.3"),
        [
            (moves("await bob.call('join-room', 'blue')"), "He heard 'red' and 'blue'."),
            (moves("await bob.call('leave-room', 'red')"), "He heard neither."),
            (
                moves("await bob.emit('join-room', 'blue')", "await bob.emit('leave-room', 'red')"),
                "emit does not wait for the server",
            ),
            (
                moves("await bob.call('join-room', 'blue')", "await bob.emit('leave-room', 'red')"),
                "emit does not wait for the server",
            ),
            (moves("await bob.enter_room('blue')"), "AttributeError"),
            (moves("await bob.emit('move', ('red', 'blue'))"), "He heard 'red'."),
        ],
    )
