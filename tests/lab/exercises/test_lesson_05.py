from functools import partial

from exercise_checks import check_exercise

from chatlib.lab import exercise


def handler(event, parameters, *body):
    lines = "\n".join(f"        {line}" for line in body)
    return f"    @io.on({event!r})\n    async def {event}({parameters}):\n{lines}\n"


def answer(*handlers, before=""):
    return f"def answer(io):\n    {before or 'pass'}\n" + "\n".join(handlers)


connect = partial(handler, "connect", "sid, environ, auth")
dm = partial(handler, "dm", "sid, data")


def naming(*body):
    return "def answer(kind, name):\n" + "\n".join(f"    {line}" for line in body)


async def test_05_1():
    enter = connect("await io.enter_room(sid, f\"user:{auth['userId']}\")")
    await check_exercise(
        exercise("05.1"),
        [
            (
                answer(
                    connect("sids[auth['userId']] = sid"),
                    dm("await io.emit('dm', data['text'], to=sids[data['user']])"),
                    before="sids = {}",
                ),
                "After alice wrote to user 2, bob should have heard",
            ),
            (
                answer(
                    connect("sids.setdefault(auth['userId'], []).append(sid)"),
                    dm("await io.emit('dm', data['text'], to=sids[data['user']][0])"),
                    before="sids = {}",
                ),
                "After alice wrote to user 2, phone should have heard",
            ),
            (
                answer(
                    enter,
                    dm(
                        "room = f\"user:{data['user']}\"",
                        "await io.emit('dm', data['text'], to=room, skip_sid=sid)",
                    ),
                ),
                "After alice wrote to user 1, alice should have heard",
            ),
            (
                answer(enter, dm("await io.emit('dm', data['text'])")),
                "alice and carol should not have heard",
            ),
            (
                answer(
                    connect("await io.enter_room(sid, auth['userId'])"),
                    dm("await io.emit('dm', data['text'], to=str(data['user']))"),
                ),
                "Nobody did.",
            ),
            (
                answer(enter, dm("await io.emit('dm', data['text'], to='user:2')")),
                "After bob wrote to user 3, carol should have heard",
            ),
            (
                answer(enter, dm("await io.emit('dm', data, to=f\"user:{data['user']}\")")),
                'but it carried {"user": 2, "text": "lunch?"}',
            ),
            (
                answer(
                    connect("await io.enter_room(sid, f\"user:{auth['user']}\")"),
                    dm("await io.emit('dm', data['text'], to=f\"user:{data['user']}\")"),
                ),
                "Your code raised KeyError",
            ),
        ],
    )


async def test_05_2():
    await check_exercise(
        exercise("05.2"),
        [
            (naming("return str(name)"), "carol joined the group '2' and the server emitted to"),
            (
                naming("return f'user:{name}' if kind == 'user' else str(name)"),
                "carol joined the group 'user:2' and the server emitted to user 2, carol should",
            ),
            (
                naming("return str(name) if kind == 'user' else f'group:{name}'"),
                'erin, who is the user "group:2", joined "blue"',
            ),
            (naming("return kind"), "alice and carol should not have heard"),
            (
                naming("return f'user:{name}' if kind == 'user' else kind"),
                "erin should not have heard",
            ),
            (naming("return (kind, name)"), "should be text that names a room, not ('user', 2)"),
            (naming("f'{kind}:{name}'"), "should be text that names a room, not None"),
        ],
    )


async def test_05_3():
    me = "me = (await io.get_session(sid))['userId']"
    both = "rooms = ['user:%s' % data['user'], 'user:%s' % me]"
    await check_exercise(
        exercise("05.3"),
        [
            (
                answer(dm("await io.emit('dm', data, to='user:%s' % data['user'])")),
                "desk should have heard",
            ),
            (
                answer(dm(me, both, "await io.emit('dm', data | {'from': me}, to=rooms)")),
                "alice should not have heard",
            ),
            (
                answer(dm(me, both, "await io.emit('dm', data, to=rooms, skip_sid=sid)")),
                'but it carried {"user": 2, "text": "lunch?"}.',
            ),
            (
                answer(
                    dm(
                        me,
                        both,
                        "data.setdefault('from', me)",
                        "await io.emit('dm', data, to=rooms, skip_sid=sid)",
                    )
                ),
                "After carol wrote to user 2 and claimed to be user 1",
            ),
            (
                answer(
                    dm(
                        me,
                        "await io.emit('dm', data | {'from': me}, skip_sid=sid)",
                    )
                ),
                "carol should not have heard",
            ),
            (
                answer(
                    dm(
                        me,
                        both,
                        "for room in rooms:",
                        "    await io.emit('dm', data | {'from': sid}, to=room, skip_sid=sid)",
                    )
                ),
                '"from": 1}, but it carried',
            ),
        ],
    )
