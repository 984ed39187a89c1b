from functools import partial

from chatlib.lab import exercise

IMPORT = "from socketio.exceptions import ConnectionRefusedError\n\n\n"
REFUSE = 'raise ConnectionRefusedError("The passcode is wrong.")'


def door(body, before=IMPORT):
    return (
        f'{before}def answer(io):\n    @io.on("connect")\n'
        f"    async def connect(sid, environ, auth):\n        {body}"
    )


def say(connect, say, inside="", before=""):
    return (
        f'{before}def answer(io, is_known):\n    {inside}\n    @io.on("connect")\n'
        f"    async def connect(sid, environ, auth):\n        {connect}\n\n"
        '    @io.on("say")\n'
        f"    async def say(sid, text):\n        {say}"
    )


def tabs(*lines):
    return "\n    ".join(["async def answer(laptop, phone, url):", *lines])


def present(save, emit="{'text': text, 'from': me}", options="to='inside'", before=""):
    return (
        'def answer(io, user_of):\n    @io.on("connect")\n'
        "    async def connect(sid, environ, auth):\n        user = user_of(auth)\n"
        f"        if user is None:\n            return False\n        {save}\n"
        "        await io.enter_room(sid, 'inside')\n\n"
        '    @io.on("say")\n    async def say(sid, text):\n'
        f"        me = await io.get_session(sid)\n        {before}\n"
        f"        await io.emit('news', {emit}, {options})"
    )


async def test_09_1(check_exercise):
    await check_exercise(
        exercise("09.1"),
        wrong=[
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
                "Python's own ConnectionRefusedError tells nobody anything",
            ),
            (
                door(
                    "if not isinstance(auth, dict) or str(auth.get('passcode')).strip() != 'tea': "
                    f"{REFUSE}"
                ),
                "mallory came with the auth {'passcode': ' tea'} and was let in",
            ),
            (  # pairs are no object
                door(
                    "try: right = dict(auth)['passcode'] == 'tea'\n"
                    "        except Exception: right = False\n"
                    f"        if not right: {REFUSE}"
                ),
                "dave came with the auth [['passcode', 'tea']] and was let in",
            ),
            (  # the door closes after some have come
                door(
                    "io.came = getattr(io, 'came', 0) + 1\n"
                    "        right = isinstance(auth, dict) and auth.get('passcode') == 'tea'\n"
                    f"        if not right or io.came > 3: {REFUSE}"
                ),
                ", after others who were refused, and should have been let in",
            ),
            (  # the exception is made, and not raised
                door(
                    "if not isinstance(auth, dict) or auth.get('passcode') != 'tea': "
                    "return ConnectionRefusedError('The passcode is wrong.')"
                ),
                "dave came with no auth and was let in",
            ),
            (  # the names of the first scene
                door(
                    "if not isinstance(auth, dict) or auth.get('passcode') != 'tea' or "
                    f"auth.get('name', 'alice') != 'alice': {REFUSE}"
                ),
                "erin came with {'name': 'mallory', 'passcode': 'tea'}",
            ),
            (
                door(f"if not isinstance(auth, dict) or 'tea' not in auth.values(): {REFUSE}"),
                "mallory came with the auth {'password': 'tea'} and was let in",
            ),
            (  # compares ASCII only
                door(
                    "import hmac\n        word = auth.get('passcode') if isinstance(auth, dict) "
                    "else ''\n        right = isinstance(word, str) and "
                    f"hmac.compare_digest(word, 'tea')\n        if not right: {REFUSE}"
                ),
                "TypeError: comparing strings with non-ASCII characters",
            ),
            (  # another exception of socketio.exceptions
                door(
                    "if not isinstance(auth, dict) or auth.get('passcode') != 'tea': "
                    "raise ConnectionError('The passcode is wrong.')",
                    before=IMPORT.replace("RefusedError", "Error"),
                ),
                "Your code raised ConnectionError: The passcode is wrong.",
            ),
        ],
        right=[
            door(
                "try:\n            assert auth['passcode'] == 'tea'\n"
                "        except Exception:\n"
                f"            {REFUSE} from None"
            ),
            door(
                "match auth:\n            case {'passcode': 'tea'}: pass\n"
                f"            case _: {REFUSE}"
            ),
            (
                "import socketio.exceptions\n\n\ndef is_wrong(auth):\n"
                "    return not hasattr(auth, 'get') or auth.get('passcode') != 'tea'\n\n\n"
                "async def answer(io):\n"
                "    def connect(sid, environ, credentials):\n"
                "        if is_wrong(credentials):\n"
                "            raise socketio.exceptions.ConnectionRefusedError("
                "'The passcode is wrong.')\n\n"
                "    io.on('connect', connect)"
            ),
            (
                f"{IMPORT}import socketio\n\n\nclass Door(socketio.AsyncNamespace):\n"
                "    async def on_connect(self, sid, environ, auth):\n"
                "        if not isinstance(auth, dict) or auth.get('passcode') != 'tea':\n"
                f"            {REFUSE}\n\n\n"
                "def answer(io):\n    io.register_namespace(Door('/'))"
            ),
            door(
                "print(auth)\n        known = isinstance(auth, dict) and auth.get('passcode')\n"
                f"        if known != 'tea': {REFUSE}\n"
                "        await io.enter_room(sid, 'inside')\n"
                "        io.start_background_task(io.emit, 'welcome', 'hi', to=sid)\n"
                "        return True"
            ),
            door(
                "import hmac\n        word = auth.get('passcode') if isinstance(auth, dict) else ''"
                "\n        right = isinstance(word, str) "
                "and hmac.compare_digest(word.encode(), b'tea')\n"
                f"        if not right: {REFUSE}"
            ),
        ],
    )


async def test_09_2(check_exercise):
    known = partial(say, "return await is_known(auth)")
    inside = "await io.emit('news', text, to='inside')"
    ask = "if not await is_known(auth): return False\n        "
    enter = f"{ask}await io.enter_room(sid, 'inside')"
    await check_exercise(
        exercise("09.2"),
        wrong=[
            (known("await io.emit('news', text)"), 'dave and eve should not have heard "news"'),
            (
                say(
                    "await io.enter_room(sid, 'inside'); return await is_known(auth)",
                    inside,
                ),
                "while carol, dave and eve waited at the door",
            ),
            (known(inside), "Nobody did"),
            (
                say(
                    "await is_known(auth); await io.enter_room(sid, 'inside')",
                    inside,
                ),
                "dave is not known, and was let in",
            ),
            (  # asks, and does not listen to the answer
                say(
                    "await is_known(auth)\n        if not auth: return False\n"
                    "        await io.enter_room(sid, 'inside')",
                    inside,
                ),
                "dave is not known, and was let in",
            ),
            (  # never asks
                say("await io.enter_room(sid, 'inside')", inside),
                "is_known was never called",
            ),
            (
                say(
                    "if auth: await io.enter_room(sid, 'inside')\n        else: return False",
                    inside,
                ),
                "is_known was never called",
            ),
            (
                say(
                    "if len((auth or {}).get('card', '')) != 32: return False\n"
                    "        await io.enter_room(sid, 'inside')",
                    inside,
                ),
                "alice came, and is_known was never called",
            ),
            (
                say(
                    "if not is_known(auth): return False\n"
                    "        await io.enter_room(sid, 'inside')",
                    inside,
                ),
                "`is_known(...)` was not awaited",
            ),
            (
                say(enter, "await io.emit('news', text, to='inside', skip_sid=sid)"),
                'alice should have heard "news"',
            ),
            (say(enter, "io.emit('news', text, to='inside')"), "`io.emit(...)` was not awaited"),
            (
                say(enter, inside).replace('"say"', '"talk"'),
                'alice sent "say", and the server has no handler for it; it has one for "talk"',
            ),
            (
                say(
                    "if not await is_known(auth): return\n        await io.enter_room(sid, 'in')",
                    "await io.emit('news', text, to='in')",
                ),
                "dave is not known, and was let in",
            ),
            (
                say("if not await is_known(auth['card']): return False", inside),
                "is_known was asked for something else",
            ),
            (  # only the last at the door is left out
                say(
                    "door.append(sid); known = await is_known(auth); door.remove(sid)\n"
                    "        return known",
                    "await io.emit('news', text, skip_sid=door[-1] if door else None)",
                    inside="door = []",
                ),
                'dave should not have heard "news"',
            ),
            (  # one socket for each auth
                say(
                    f"{ask}friends[str(auth)] = sid",
                    "await io.emit('news', text, to=[*friends.values()])",
                    inside="friends = {}",
                ),
                'came with the same auth, and alice emitted "say", alice should have heard "news"',
            ),
            (  # the first answer is everybody's
                say(
                    "if not known: known.append(await is_known(auth))\n"
                    "        if not known[0]: return False\n"
                    "        await io.enter_room(sid, 'inside')",
                    inside,
                    inside="known = []",
                ),
                "dave is not known, and was let in",
            ),
            (
                say(
                    "async def ask():\n            if not await is_known(auth): "
                    "await io.disconnect(sid)\n            else: "
                    "await io.enter_room(sid, 'inside')\n"
                    "        io.start_background_task(ask)",
                    inside,
                ),
                "dave is not known, and was let in",
            ),
            (
                say(f"{ask}io.enter_room(sid, 'inside')", inside),
                "`io.enter_room(...)` was not awaited",
            ),
            (
                say(enter, "await io.emit('news', 'hello', to='inside')"),
                'should have carried "a secret"',
            ),
            (  # what was said meanwhile is made up for
                say(
                    f"{enter}\n        for text in said: await io.emit('news', text, to=sid)",
                    f"said.append(text); {inside}",
                    inside="said = []",
                ),
                'waited at the door, carol should not have heard "news"',
            ),
            (  # whoever knocked last is let in by anybody's answer
                say(
                    f"last[:] = [sid]\n        {ask}await io.enter_room(last[0], 'inside')",
                    inside,
                    inside="last = []",
                ),
                'carol came in, alice left, eve knocked again, and bob emitted "say", carol should',
            ),
            (  # the answer is one for all who wait
                say(
                    "io.known = await is_known(auth); await asyncio.sleep(0)\n"
                    "        if not io.known: return False\n"
                    "        await io.enter_room(sid, 'inside')",
                    inside,
                    before="import asyncio\n\n\n",
                ),
                "carol is known, and was not let in",
            ),
            (  # the one who leaves takes another off the list
                say(f"{ask}friends.append(sid)", "await io.emit('news', text, to=friends)")
                + "\n\n    @io.on('disconnect')\n    async def bye(sid, reason):\n"
                "        friends.pop()\n\n    friends = []",
                'eve knocked again, and bob emitted "say", carol should have heard "news"',
            ),
            (
                say(
                    "if await is_known(auth): return False\n        await io.enter_room(sid, 'in')",
                    inside,
                ),
                "alice is known, and was not let in",
            ),
            *(  # who takes longer than that is let in
                (
                    say(
                        f"try: known = await asyncio.wait_for(is_known(auth), {limit})\n"
                        "        except TimeoutError: known = True\n"
                        "        if not known: return False\n"
                        "        await io.enter_room(sid, 'inside')",
                        inside,
                        before="import asyncio\n\n\n",
                    ),
                    "dave is not known, and was let in before is_known had answered",
                )
                for limit in (0.01, 0.05)
            ),
            (  # who takes longer than that is sent away
                say(
                    "try: known = await asyncio.wait_for(is_known(auth), 0.05)\n"
                    "        except TimeoutError: return False\n"
                    "        if not known: return False\n"
                    "        await io.enter_room(sid, 'inside')",
                    inside,
                    before="import asyncio\n\n\n",
                ),
                "carol is known, and was not let in before is_known had answered",
            ),
            (  # somebody else's yes, if it comes at the same moment
                say(
                    "if await is_known(auth): io.known = True\n"
                    "        await asyncio.sleep(0)\n"
                    "        if not getattr(io, 'known', False): return False\n"
                    "        io.known = False\n"
                    "        await io.enter_room(sid, 'inside')",
                    inside,
                    before="import asyncio\n\n\n",
                ),
                "mallory is not known, and was let in",
            ),
            (  # the same, and it says no to nobody who is known
                say(
                    "known = io.known = await is_known(auth)\n"
                    "        await asyncio.sleep(0)\n"
                    "        if not (known or io.known): return False\n"
                    "        await io.enter_room(sid, 'inside')",
                    inside,
                    before="import asyncio\n\n\n",
                ),
                "mallory is not known, and was let in",
            ),
            (  # two who come in at the same moment
                say(
                    f"{ask}io.last = sid\n        await asyncio.sleep(0)\n"
                    "        await io.enter_room(io.last, 'inside')",
                    inside,
                    before="import asyncio\n\n\n",
                ),
                "frank should have heard",
            ),
            (  # an empty list is no address, and that is everyone
                say(f"{ask}friends.append(sid)", "await io.emit('news', text, to=friends)")
                + "\n\n    @io.on('disconnect')\n    async def bye(sid, reason):\n"
                "        friends.clear()\n\n    friends = []",
                'and bob emitted "say", eve should not have heard "news"',
            ),
            (
                say(f"{ask}friends.append(sid)", "await io.emit('news', text, to=friends)")
                + "\n        friends.clear()\n\n    friends = []",
                'waited at the door, carol, dave and eve should not have heard "news"',
            ),
        ],
        right=[
            say(
                "known = await asyncio.create_task(is_known(auth))\n"
                "        if not known: return False\n"
                "        await io.enter_room(sid, 'inside')",
                inside,
                before="import asyncio\n\n\n",
            ),
            say(
                f"{ask}friends.add(sid)",
                "if friends: await io.emit('news', text, to=[*friends])",
                inside="friends = set()",
            ),
            say(
                "door.add(sid)\n        if await is_known(auth): door.discard(sid)\n"
                "        else: return False",
                "await io.emit('news', text, skip_sid=[*door])",
                inside="door = set()",
            ),
            say(  # one look-up after the other
                "async with lock: known = await is_known(auth)\n"
                "        if not known: return False\n"
                "        await io.enter_room(sid, 'inside')",
                inside,
                inside="lock = asyncio.Lock()",
                before="import asyncio\n\n\n",
            ),
            say(
                f"{ask}friends.append(sid)",
                "for friend in friends: await io.emit('news', text, room=friend)",
                inside="friends = []",
            ),
            say(
                "if not await is_known(auth): raise ConnectionRefusedError('no')\n"
                "        await io.enter_room(sid, 7)",
                "io.start_background_task(io.emit, 'news', text, 7)",
                before=IMPORT,
            ),
            say(
                f"{enter}; await io.emit('hello', 'you', to=sid)",
                f"print(text); await io.emit('said', 1, to='inside'); {inside}; return 'ok'",
            ),
            (
                "import socketio\n\n\nclass Door(socketio.AsyncNamespace):\n"
                "    async def on_connect(self, sid, environ, auth):\n"
                "        if not await self.is_known(auth): return False\n"
                "        await self.enter_room(sid, 'inside')\n\n"
                "    async def on_say(self, sid, text):\n"
                "        await self.emit('news', text, room='inside')\n\n\n"
                "def answer(io, is_known):\n    Door.is_known = staticmethod(is_known)\n"
                "    io.register_namespace(Door('/'))"
            ),
            (
                "import asyncio\n\n\nasync def answer(io, is_known):\n"
                "    texts = asyncio.Queue()\n\n"
                "    async def tell():\n"
                "        await io.emit('news', texts.get_nowait(), 'inside')\n\n"
                "    async def pass_on():\n        await asyncio.sleep(0.02)\n"
                "        asyncio.create_task(tell())\n\n"
                "    async def connect(sid, environ, auth):\n"
                "        known = await is_known(auth)\n"
                "        if known: await io.enter_room(sid, 'inside')\n"
                "        return known\n\n"
                "    def say(sid, text):\n"
                "        texts.put_nowait(text)\n"
                "        io.start_background_task(pass_on)\n\n"
                "    io.on('connect', connect)\n    io.on('say', say)"
            ),
        ],
    )


async def test_09_3(check_exercise):
    connect = "await laptop.connect(url, auth={'passcode': 'tea'})"
    phone = "await phone.connect(url, auth={'token': mine['token']})"
    handler = ["@laptop.on('session')", "async def session(mine):", f"    {phone}"]
    await check_exercise(
        exercise("09.3"),
        wrong=[
            (tabs(connect), "the phone should be connected"),
            (
                tabs(connect, "await phone.connect(url, auth={'passcode': 'tea'})"),
                "are two users",
            ),
            (
                tabs("mine = {}", "laptop.on('session', mine.update)", connect, phone),
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
            (  # right as long as the network is slow
                tabs(connect, *handler),
                'The desk had no handler for "session" when it came',
            ),
            (
                "import asyncio\n\n\n"
                + tabs(
                    connect,
                    "came = asyncio.get_running_loop().create_future()",
                    "laptop.on('session', came.set_result)",
                    "mine = await came",
                    phone,
                ),
                'The desk had no handler for "session" when it came',
            ),
            (
                tabs("laptop.connect(url, auth={'passcode': 'tea'})"),
                "`laptop.connect(...)` was not awaited",
            ),
            (
                tabs(*handler[:2], f"    {phone.removeprefix('await ')}", connect),
                "`phone.connect(...)` was not awaited",
            ),
            (
                tabs(
                    connect,
                    "await phone.connect(url, auth={'passcode': 'tea', 'token': 'laptop'})",
                ),
                "The phone was refused. The server said: {'message': 'The token is not valid.'}",
            ),
            (  # the other way round
                tabs(
                    "@phone.on('session')",
                    "async def session(mine):",
                    "    await laptop.connect(url, auth={'token': mine['token']})",
                    "await phone.connect(url, auth={'passcode': 'tea'})",
                ),
                "The phone came first",
            ),
            (
                tabs(
                    "@laptop.on('session')",
                    "async def session(mine):",
                    "    await laptop.connect(url, auth={'token': mine['token']})",
                    connect,
                ),
                "Your code raised ConnectionError: Already connected.",
            ),
            (
                "import asyncio\n\n\n"
                + tabs(
                    "came = asyncio.get_running_loop().create_future()",
                    "phone.on('session', came.set_result)",
                    connect,
                    "mine = await came",
                    phone,
                ),
                'The laptop has no handler for "session", which brings the token.',
            ),
            (  # as if nothing had been missed
                "import asyncio\n\n\n"
                + tabs(
                    connect,
                    "mine = {}",
                    "laptop.on('session', mine.update)",
                    "await asyncio.sleep(0.2)",
                    "await phone.connect(url, auth={'passcode': 'tea'} | mine)",
                ),
                'The desk had no handler for "session" when it came',
            ),
        ],
        right=[
            "import asyncio\n\n\n"
            + tabs(
                "came = asyncio.get_running_loop().create_future()",
                "laptop.on('session', came.set_result)",
                connect,
                "mine = await came",
                phone,
            ),
            "import asyncio\n\n\n"
            + tabs(
                "came = asyncio.Queue()",
                "laptop.on('session', came.put)",
                connect,
                "token = (await came.get())['token']",
                "await phone.connect(url, auth={'token': token})",
            ),
            "import asyncio\n\n\n"
            + tabs(
                "ready, mine = asyncio.Event(), {}",
                "@laptop.event",
                "def session(data):",
                "    mine.update(data)",
                "    ready.set()",
                connect,
                "await ready.wait()",
                phone,
            ),
            "import asyncio\n\n\n"
            + tabs(
                "def session(mine):",
                "    auth = {'token': mine['token'], 'userId': mine['userId'], 'name': 'me'}",
                "    asyncio.create_task(phone.connect(url, auth=auth))",
                "laptop.on('session', session)",
                connect,
            ),
            "import asyncio\n\n\n"
            + tabs(  # too late for the first session, and in time for the second
                connect,
                "await laptop.disconnect()",
                "came = asyncio.get_running_loop().create_future()",
                "laptop.on('session', came.set_result)",
                connect,
                "mine = await came",
                phone,
            ),
            "import asyncio\n\n\n"
            + tabs(
                "came = asyncio.get_running_loop().create_future()",
                "laptop.on('session', came.set_result)",
                "async def second():",
                "    await phone.connect(url, auth=await came)",
                "await asyncio.gather(second(), laptop.connect(url, auth={'passcode': 'tea'}))",
            ),
            tabs(
                "@laptop.on('*')",
                "async def heard(event, data):",
                "    if event == 'session':",
                "        await phone.connect(url, auth={'token': data['token']})",
                connect,
                "print('laptop is in')",
            ),
            (
                "import socketio\n\n\nclass Laptop(socketio.AsyncClientNamespace):\n"
                "    async def on_session(self, mine):\n"
                "        await self.phone.connect(self.url, auth={'token': mine['token']})\n\n\n"
                "async def answer(desk, tablet, address):\n"
                "    Laptop.phone, Laptop.url = tablet, address\n"
                "    desk.register_namespace(Laptop('/'))\n"
                "    await desk.connect(address, auth={'passcode': 'tea', 'name': 'x'})"
            ),
        ],
    )


def guess(knock, say, inside, tea):
    return (
        f"answer = {{\n    'knock(dave)': {knock!r},\n"
        f"""    'alice.emit("say", {{"text": "hi"}})': {say!r},\n"""
        f"""    'alice.emit("say", {{"room": "inside", "text": "hi"}})': {inside!r},\n"""
        f"""    'bob.emit("say", {{"room": "tea", "text": "hi"}})': {tea!r},\n}}"""
    )


async def test_09_4(check_exercise):
    friends, everybody = ["alice", "bob", "carol"], ["alice", "bob", "carol", "dave"]
    at_the_door = "who is at the door is among them"
    refused = "Dave was refused, and never entered the room"
    group = "The group that Bob joined is the room room:inside"
    name = "Whoever knows a group's name can write to it"
    await check_exercise(
        exercise("09.4"),
        wrong=[
            (guess(friends, friends, ["bob"], ["carol"]), at_the_door),
            (guess([], friends, ["bob"], ["carol"]), at_the_door),
            (guess(["dave"], friends, ["bob"], ["carol"]), at_the_door),
            (guess(everybody, everybody, ["bob"], ["carol"]), refused),
            (guess(everybody, ["bob", "carol"], ["bob"], ["carol"]), refused),
            (guess(everybody, friends, friends, ["carol"]), group),
            (guess(everybody, friends, [], ["carol"]), group),
            (guess(everybody, friends, ["bob"], []), name),
            (guess(everybody, friends, ["bob"], ["bob", "carol"]), name),
        ],
        right=[
            guess("everyone", friends, ["bob"], ["carol"]),
            guess(tuple(everybody), set(friends), "bob", "carol"),
            guess(set(everybody), tuple(friends), ("bob",), {"carol"}),
            guess("alice, bob, carol and dave", "alice bob carol", ["bob"], "carol"),
            guess(everybody[::-1], friends[::-1], {"bob"}, ["carol"]),
        ],
    )


async def test_09_5(check_exercise):
    clean = "await io.save_session(sid, {'user': user, 'name': auth['name']})"
    leaky = "await io.save_session(sid, auth | {'user': user})"
    await check_exercise(
        exercise("09.5"),
        wrong=[
            (
                present(leaky, options="to='inside', skip_sid=sid"),
                'bob heard "news" with the token of alice in it: whoever has that is alice',
            ),
            (
                present(leaky, "{'text': text, 'from': me | {'name': 'alice'}}"),
                "with the token of alice in it",
            ),
            (
                present("await io.save_session(sid, {'user': user, 'key': auth['token']})"),
                "with the token of alice in it",
            ),
            (
                present(clean, options="to='inside', skip_sid=sid"),
                'alice should have heard "news" once, and not 0 times',
            ),
            (
                present(clean, "{'text': text}"),
                "should be what user_of returned for alice, and it is missing",
            ),
            (
                present(clean, "{'text': text, 'from': me['name']}"),
                'the "user" in "from" should be what user_of returned for alice',
            ),
            (
                present("await io.save_session(sid, {'user': user})"),
                """the "name" in "from" should be 'alice', and it is missing""",
            ),
            (
                present("await io.save_session(sid, auth)", before="me.pop('token')"),
                "should be what user_of returned for alice, and it is another",
            ),
            (
                present("io.save_session(sid, {'user': user, 'name': auth['name']})"),
                "`io.save_session(...)` was not awaited",
            ),
            (
                present(clean.replace("auth['name']", "'alice'")),
                """the "name" in "from" should be 'bob', and it is another""",
            ),
            (
                present(clean, "{'text': 'milk?', 'from': me}"),
                'the "text" of "news" should have been \'no, thanks\'',
            ),
            (
                present(clean).replace("if user is None", "if auth is None"),
                "dave has no token, and was let in",
            ),
            (present(clean, options="to=sid"), 'bob should have heard "news" once'),
            *(
                (
                    present(leaky, f"{{'text': text, 'from': me | {{'token': {token}}}}}"),
                    'bob heard "news" with something in it that is made from the token of alice',
                )
                for token in (
                    "me['token'][::-1]",
                    "me['token'].upper()",
                    "me['token'].encode().hex()",
                    "me['token'].encode()[::-1]",
                    "[ord(character) for character in me['token']]",
                    "{me['token'][1:]: 1}",
                    "me['token'][-4:]",
                )
            ),
            (
                present(
                    leaky,
                    before="token = me.pop('token', '')\n"
                    "        await io.emit('typing', token[::-1], to='inside')",
                ),
                'bob heard "typing" with something in it that is made from the token of alice',
            ),
            (  # the session is the same object each time
                present(leaky, before="me.pop('token')"),
                "Your code raised KeyError: 'token'",
            ),
            (  # a name is no key
                present(
                    "users[auth['name']] = user; await io.save_session(sid, auth['name'])",
                    "{'text': text, 'from': {'user': users[me], 'name': me}}",
                ).replace("    @io", "    users = {}\n\n    @io", 1),
                'After heidi came as erin and erin emitted "say", the "user"',
            ),
            (
                present(leaky, "{'text': text, 'from': {key: me[key] for key in ('user', 'name')}}")
                + "\n\n    @io.on('disconnect')\n    async def bye(sid, reason):\n"
                "        await io.emit('left', await io.get_session(sid), to='inside')",
                'After alice left, bob heard "left" with the token of alice in it',
            ),
            (  # only who comes later hears it
                present(
                    f"{clean}; said.append(auth)\n"
                    "        for one in said[1:-1]: await io.emit('was', one, to=sid)",
                ).replace("    @io", "    said = []\n\n    @io", 1),
                'alice heard "was" with the token of bob in it',
            ),
            (
                present(f"{clean}; await io.emit('hello', auth, to='inside')"),
                'After all had come, alice heard "hello" with the token of bob in it',
            ),
            (
                present(clean).replace('"say"', '"talk"'),
                'alice sent "say", and the server has no handler for it',
            ),
            *(
                (
                    present(f"{clean}; said.append(auth)").replace(
                        "    @io", "    said = []\n\n    @io", 1
                    )
                    + f"\n        return {value}",
                    message,
                )
                for value, message in (
                    ("said", 'alice got an acknowledgement of "say" with the token of bob in it'),
                    (
                        "[one['token'][::-1] for one in said]",
                        'bob got an acknowledgement of "say" with something in it that is made',
                    ),
                    (
                        "{number: one['token'][::-1] for number, one in enumerate(said)}",
                        'bob got an acknowledgement of "say" with something in it that is made',
                    ),
                    (
                        "{one['name']: one['token'][::-1] for one in said}",
                        'bob got an acknowledgement of "say" with something in it that is made',
                    ),
                )
            ),
        ],
        right=[
            present(clean) + "\n        return {'ok': True, 'from': me}",
            present(leaky, before="me = dict(me); token = me.pop('token')")
            + "\n        return token",  # one's own
            present(leaky, "{'text': text, 'from': {key: me[key] for key in ('user', 'name')}}"),
            present(leaky, before="me = {k: v for k, v in me.items() if k != 'token'}"),
            present(leaky, before="me.pop('token', None)"),
            present(
                "auth = auth | {'user': user}; del auth['token']; await io.save_session(sid, auth)"
            ),
            present(
                f"{clean}; await io.emit('hello', user, to=sid)",
                "{'text': text, 'from': me | {'id': sid}, 'n': len(text)}",
                "room='inside'",
            ),
            present(leaky, "{'text': text, 'from': me | {'token': '***'}}"),
            "import random\nimport time\n\n\n"
            + present(  # what differs each time, without a token
                f"{clean}; count.append(sid); await io.emit('joined', len(count))",
                "{'text': text, 'from': me, 'at': int(time.time() * 100), 'r': random.random()}",
            ).replace("    @io", "    count = []\n\n    @io", 1),
            present(  # what alternates, as tokens might
                clean.replace("auth['name']", "auth['name'], 'side': next(sides)"),
            ).replace("    @io", "    sides = itertools.cycle('ab')\n\n    @io", 1)
            + "\n\n\nimport itertools",
            present(
                f"{clean}; await io.emit('session', {{'token': auth['token']}}, to=sid)",
            ),
            (
                "people = {}\n\n\ndef answer(io, user_of):\n"
                "    def connect(sid, environ, auth):\n"
                "        if not (user := user_of(auth)):\n            return False\n"
                "        people[sid] = {'user': user, 'name': auth['name']}\n\n"
                "    async def say(sid, text):\n"
                "        news = {'text': text, 'from': people[sid]}\n"
                "        for other in io.manager.get_participants('/', None):\n"
                "            await io.emit('news', news, to=other[0])\n\n"
                "    io.on('connect', connect)\n    io.on('say', say)"
            ),
            (
                "import socketio\n\n\nclass Chat(socketio.AsyncNamespace):\n"
                "    async def on_connect(self, sid, environ, auth):\n"
                "        user = self.user_of(auth)\n"
                "        if user is None: return False\n"
                "        async with self.session(sid) as me:\n"
                "            me.update(user=user, name=auth['name'])\n"
                "        await self.enter_room(sid, 'in')\n\n"
                "    async def on_say(self, sid, text):\n"
                "        me = await self.get_session(sid)\n"
                "        self.server.start_background_task(\n"
                "            self.emit, 'news', {'text': text, 'from': me}, 'in')\n\n\n"
                "def answer(io, user_of):\n    Chat.user_of = staticmethod(user_of)\n"
                "    io.register_namespace(Chat('/'))"
            ),
        ],
    )


async def test_the_picture_of_09_5_shows_whose_token_is_passed_on(capsys):
    repair = exercise("09.5")
    namespace = {}
    exec(repair.starter, namespace)
    picture = str(await repair.picture(namespace["answer"]))
    assert '"from": {"token": "u-1' in picture
    assert "server → dave    news" in picture
