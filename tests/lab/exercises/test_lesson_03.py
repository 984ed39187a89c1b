from functools import partial

from exercise_checks import check_exercise

from chatlib.lab import exercise


def handler(event, parameter, body):
    return (
        f"def answer(io):\n    @io.on({event!r})\n"
        f"    async def handle(sid, {parameter}):\n        {body}"
    )


question = partial(handler, "question", "text")
joke = partial(handler, "joke", "text")
goal = partial(handler, "goal", "team")


async def test_03_1():
    await check_exercise(
        exercise("03.1"),
        [
            (question("await io.emit('answer', text)"), "alice and carol should not have heard"),
            (
                question("await io.emit('answer', text, skip_sid=sid)"),
                'bob should have heard "answer"',
            ),
            (question("await io.emit('answer', 'yes', to=sid)"), 'but it carried "yes"'),
            (question("await io.emit('answers', text, to=sid)"), 'bob heard "answers"'),
            (question("return text"), "Nobody did"),
        ],
    )


async def test_03_2():
    await check_exercise(
        exercise("03.2"),
        [
            (joke("await io.emit('laugh', text)"), "alice should not have heard"),
            (joke("await io.emit('laugh', text, to=sid)"), "bob and carol should have heard"),
            (joke("await io.emit('laugh', skip_sid=sid)"), "but it carried nothing."),
            (joke("await sid.emit('laugh', text)"), "AttributeError"),
            ("def answer(io): pass", "Nobody did"),
        ],
    )


async def test_03_3():
    await check_exercise(
        exercise("03.3"),
        [
            (goal("await io.emit('score', team, to=sid)"), 'everyone should have heard "score"'),
            (goal("await io.emit('score', team)"), 'alice alone should have heard "well done"'),
            (
                goal("await io.emit('score'); await io.emit('well done', to=sid)"),
                '"score" should have carried "red", but it carried nothing.',
            ),
            (
                goal("await io.emit('score', team); await io.emit('well done', team, to=sid)"),
                '"well done" should have carried nothing, but it carried "red".',
            ),
            (
                goal("await io.emit('well done', to=sid); await io.emit('score', team)"),
                '"score" should have come before "well done"',
            ),
            (
                goal("await io.emit('score', team); await io.emit('well done')"),
                "alice alone should have heard",
            ),
            (
                goal(
                    "await io.emit('score', team, skip_sid=sid); await io.emit('well done', to=sid)"
                ),
                'everyone should have heard "score"',
            ),
        ],
    )
