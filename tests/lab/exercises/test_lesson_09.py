from functools import partial

from exercise_checks import check_exercise

from chatlib.lab import exercise

IMPORT = "from socketio.exceptions import ConnectionRefusedError\n\n\n"
REFUSE = 'raise ConnectionRefusedError("The passcode is wrong.")'


def door(body, before=IMPORT):
    return (
        f'{before}def answer(io):\n    @io.on("connect")\n'
        f"    async def connect(sid, environ, auth):\n        {body}"
    )


def say(connect, say):
    return (
        'def answer(io, is_known):\n    @io.on("connect")\n'
        f"    async def connect(sid, environ, auth):\n        {connect}\n\n"
        '    @io.on("say")\n'
        f"    async def say(sid, text):\n        {say}"
    )


def tabs(*lines):
    return "\n    ".join(["async def answer(laptop, phone, url):", *lines])


async def test_09_1():
    await check_exercise(
        exercise("09.1"),
        [
            (door("pass"), "dave came with no auth and was let in"),
            (door(REFUSE), "alice came with {'passcode': 'tea'} and should have been let in"),
            (door(f"if auth['passcode'] != 'tea': {REFUSE}"), "TypeError"),
            (door(f"if not auth or auth['passcode'] != 'tea': {REFUSE}"), "KeyError"),
            (door(f"if not auth or auth.get('passcode') != 'tea': {REFUSE}"), "AttributeError"),
            (
                door(f"if 'tea' not in (auth or {{}}).get('passcode', ''): {REFUSE}"),
                "dave came with the auth {'passcode': 'teapot'} and was let in",
            ),
            (
                door(f"if auth and auth.get('passcode') != 'tea': {REFUSE}"),
                "dave came with no auth and was let in",
            ),
            (
                door("return isinstance(auth, dict) and auth.get('passcode') == 'tea'"),
                "not 'Connection rejected by server'",
            ),
            (  # Python's own exception of that name
                door(f"if not auth or auth.get('passcode') != 'tea': {REFUSE}", before=""),
                "not 'Connection refused by server'",
            ),
        ],
    )


async def test_09_2():
    known = partial(say, "return await is_known(auth)")
    inside = "await io.emit('news', text, to='inside')"
    await check_exercise(
        exercise("09.2"),
        [
            (known("await io.emit('news', text)"), 'dave should not have heard "news"'),
            (
                say(
                    "await io.enter_room(sid, 'inside'); return await is_known(auth)",
                    inside,
                ),
                "while dave, who is not known, waited at the door",
            ),
            (known(inside), "Nobody did"),
            (
                say(
                    "await is_known(auth); await io.enter_room(sid, 'inside')",
                    inside,
                ),
                "dave is not known, and was let in",
            ),
            (
                say("await io.enter_room(sid, 'inside')", inside),
                'dave should not have heard "news"',
            ),
            (
                say(
                    "if not is_known(auth): return False\n"
                    "        await io.enter_room(sid, 'inside')",
                    inside,
                ),
                "is_known(auth) needs an await",
            ),
            (
                say(
                    "if not await is_known(auth): return False\n"
                    "        await io.enter_room(sid, 'inside')",
                    "await io.emit('news', text, to='inside', skip_sid=sid)",
                ),
                'alice should have heard "news"',
            ),
        ],
    )


async def test_09_3():
    connect = "await laptop.connect(url, auth={'passcode': 'tea'})"
    await check_exercise(
        exercise("09.3"),
        [
            (tabs(connect), "the phone should be connected"),
            (
                tabs(connect, "await phone.connect(url, auth={'passcode': 'tea'})"),
                "are two users",
            ),
            (
                tabs(
                    "mine = {}",
                    "laptop.on('session', mine.update)",
                    connect,
                    "await phone.connect(url, auth={'token': mine['token']})",
                ),
                "Your code raised KeyError: 'token'",
            ),
            (tabs("await laptop.connect(url)"), "This chat needs a passcode."),
            (tabs("await laptop.connect(url, auth={'passcode': 'the'})"), "The passcode is wrong."),
            (
                tabs(
                    "@laptop.on('session')",
                    "async def session(mine):",
                    "    auth = {'passcode': 'tea', 'userId': mine['userId']}",
                    "    await phone.connect(url, auth=auth)",
                    connect,
                ),
                "A userId needs its token.",
            ),
            (
                tabs(
                    "@laptop.on('session')",
                    "async def session(mine):",
                    "    await phone.connect(url, auth={'token': mine})",
                    connect,
                ),
                "The token is not valid.",
            ),
        ],
    )
