from functools import partial

import pytest

from chatlib.lab import exercise
from support.exercise_checks import function

# An answer that forgets an await leaves a coroutine behind, which Python warns of.
NEVER_AWAITED = "ignore:coroutine .* was never awaited:RuntimeWarning"


def handler(parameters, *body, before=""):
    lines = "\n        ".join(body)
    return (
        f'{before}def answer(io):\n    @io.on("connect")\n'
        f"    async def connect({parameters}):\n        {lines}"
    )


connect = partial(handler, "sid, environ, auth")


def in_a_class(parameters, *body):
    lines = "\n            ".join(body)
    return (
        "import socketio\n\n\ndef answer(io):\n    class Door(socketio.AsyncNamespace):\n"
        f"        async def on_connect(self, {parameters}):\n            {lines}\n\n"
        "    io.register_namespace(Door('/'))"
    )


def reconnect(*lines, before=""):
    return before + "\n    ".join(["async def answer(alice, url):", *lines])


@pytest.mark.filterwarnings(NEVER_AWAITED)
async def test_01_1(check_exercise):
    refuse = "raise socketio.exceptions.ConnectionRefusedError"
    await check_exercise(
        exercise("01.1"),
        wrong=[
            (connect("return False"), "alice connected with auth={'name': 'Alice"),
            (connect("return True"), "bob connected without auth and should have been refused"),
            (
                connect("return 'name' in auth"),
                "bob connected without auth, and the handler raised a TypeError: auth is None",
            ),
            (
                connect("return auth.get('name') is not None"),
                "bob connected without auth, and the handler raised an AttributeError: auth is",
            ),
            # This returns None for None, which lets the client in.
            (connect("return auth and 'name' in auth"), "bob connected without auth and should"),
            (connect("return bool(auth)"), "carol connected with auth={'colour': 'red'}"),
            (
                connect("return bool(auth) and list(auth) == ['name']"),
                "and should have been accepted. The server refused the client.",
            ),
            (
                connect("return 'name' in str(auth)"),
                "erin connected with auth={'nickname': 'Rin",
            ),
            (
                connect("return bool(auth) and auth.get('name') in ('Alice', 'Dave', 'Heidi')"),
                "alice connected with auth={'name': 'Alice",
            ),
            (
                connect("return bool(auth) and 'colour' not in auth"),
                "dave connected with auth={'name': 'Dave",
            ),
            (
                connect(
                    "if lab_name(environ) not in ('alice', 'dave'): return False",
                    before="def lab_name(environ): return environ['HTTP_X_CHATLIB_NAME']\n\n\n",
                ),
                "frank connected with auth={'code': 'swordfish', 'name': 'Frank",
            ),
            (
                connect(
                    "if not auth or auth.get('name') in (None, *inside): return False",
                    "inside.append(auth['name'])",
                    before="inside = []\n\n\n",
                ),
                "ivan connected with auth={'name': '",
            ),
            (
                connect(
                    "known = ('Alice', 'Dave', 'Frank', 'Heidi', 'Ivan')",
                    "return bool(auth) and auth.get('name', '').startswith(known)",
                ),
                "heidi connected with auth={'name': '",
            ),
            (
                connect(
                    "return 'name' in (auth or {}) and not {*auth} - {'name', 'colour', 'code'}"
                ),
                "ivan connected with auth={'name': '",
            ),
            (
                connect(
                    "if not auth or 'name' not in auth: raise exceptions.ConnectionError('who?')",
                    before="from socketio import exceptions\n\n\n",
                ),
                "Your code raised ConnectionError: who?. Raised in the server's handler",
            ),
            (
                connect("if not auth or 'name' not in auth: raise False"),
                "bob connected without auth, and the handler raised a TypeError: exceptions must",
            ),
            (
                connect("if not auth or 'name' not in auth: await io.disconnect(sid)"),
                "accepted the client all the same, though the handler had called io.disconnect",
            ),
            (
                connect("if not auth or 'name' not in auth: io.disconnect(sid)"),
                "`io.disconnect(...)` was not awaited",
            ),
            (
                connect("return bool(auth) and 'name' in auth and all(map(len, auth.values()))"),
                "'colour': ''} and should have been accepted.",
            ),
            (
                connect(
                    "io.newest = auth",
                    "await asyncio.sleep(0.05)",
                    "return 'name' in (io.newest or {})",
                    before="import asyncio\n\n\n",
                ),
                "alice connected with a name, and bob without auth at the same moment.",
            ),
            (
                connect(
                    "if 'name' in (auth or {}): return",
                    "io.start_background_task(io.disconnect, sid)",
                ),
                # Before or after the client hears that it is accepted: that is Python's to say.
                "bob connected without auth and should have been refused. The server accepted",
            ),
            (
                connect("return 'name' in (auth or {})").replace('"connect"', '"connection"'),
                'The server has no handler for "connect"; it has one for "connection".',
            ),
            ("def answer(io): pass", 'The server has no handler for "connect".'),
        ],
        right=[
            connect(
                f"if 'name' not in (auth or {{}}): {refuse}('who?')", before="import socketio\n"
            ),
            connect("return auth is not None and 'name' in auth"),
            connect(
                "seen[sid] = auth",
                "await asyncio.sleep(0.02)",
                "return 'name' in (seen.pop(sid) or {})",
                before="import asyncio\n\nseen = {}\n\n\n",
            ),
            connect("return auth.get('name') is not None if auth else False"),
            in_a_class("sid, environ, auth=None", "return 'name' in (auth or {})"),
            "def answer(io): io.on('connect', lambda sid, env, told: 'name' in (told or {}))",
            (
                "def answer(io):\n    @io.event\n    def connect(sid, environ, auth):\n"
                "        match auth:\n            case {'name': name}: print(name)\n"
                "            case _: return False"
            ),
            connect(
                "try: seen.append(auth['name'])",
                "except (KeyError, TypeError): return False",
                "await io.emit('hello', to=sid)",
                before="seen = []\n",
            ),
        ],
    )


@pytest.mark.filterwarnings(NEVER_AWAITED)
async def test_01_2(check_exercise):
    late = "io.start_background_task(io.emit, {})".format
    hello = 'io.emit("welcome", "hello", to=sid)'
    await check_exercise(
        exercise("01.2"),
        wrong=[
            (connect(f"await {hello}"), "connected first and welcomed then. What happened at"),
            (connect("await io.emit('welcome', 'hello', to=sid)", "print(sid)"), "welcome, then"),
            (
                connect("await asyncio.sleep(0.1)", f"await {hello}", before="import asyncio\n"),
                "alice's side: welcome, then connect",
            ),
            (connect(late('"welcome", "hello"')), "alice should not have heard"),
            (
                connect(late('"welcome", "hello", skip_sid=sid')),
                'alice should have heard "welcome". Nobody did',
            ),
            (connect(late('"welcome", to=sid')), "but it carried nothing"),
            (connect(late('"welcome", "Hello", to=sid')), 'but it carried "Hello"'),
            (connect(hello), "`io.emit(...)` was not awaited"),
            (handler("sid", late('"welcome", "hello", to=sid')), "TypeError"),
            (connect(f"io.start_background_task({hello})"), "calls the function itself: hand it"),
            (
                connect(late('"welcome", "hello", to=sid'), late('"welcome", "hello", to=sid')),
                'alice heard "welcome" more than once',
            ),
            (
                connect("first.append(sid)", late('"welcome", "hello", to=first[0]'),
                    before="first = []\n"),
                'bob should have heard "welcome" and did not',
            ),
            (
                connect("io.newest = sid", "io.start_background_task(greet, io)",
                    before="import asyncio\n\n\nasync def greet(io):\n"
                    "    await asyncio.sleep(0.1)\n"
                    "    await io.emit('welcome', 'hello', to=io.newest)\n\n\n"),
                "After carol and dave connected at the same time, carol should have heard",
            ),
            (
                connect(late('"welcome", "hello", to=sid'), "return False"),
                "alice should have been let in. The server refused.",
            ),
            (
                connect("if not known: known.append(sid); "
                    "io.start_background_task(io.emit, 'welcome', 'hello', to=sid)",
                    before="known = []\n\n\n"),
                'bob should have heard "welcome". Nobody did',
            ),
            (
                handler("sid, environ", late('"welcome", "hello", to=sid')).replace(
                    '"connect"', '"connection"'),
                'no handler for "connect"; it has one for "connection".',
            ),
            ("def answer(io): pass", 'The server has no handler for "connect".'),
        ],
        right=[
            connect(f"asyncio.create_task({hello})", before="import asyncio\n"),
            connect(
                "loop = asyncio.get_running_loop()",
                f"loop.call_later(0.1, lambda: asyncio.create_task({hello}))",
                before="import asyncio\n",
            ),
            connect("asyncio.get_running_loop().call_soon(asyncio.ensure_future, greet(io, sid))",
                before="import asyncio\n\n\nasync def greet(io, sid):\n"
                "    await io.emit('welcome', 'hello', room=sid)\n\n\n"),
            connect(late('"welcome", ("hello",), sid'), late('"news", "come", skip_sid=sid')),
            in_a_class("sid, environ", "print('here comes', sid)",
                "self.server.start_background_task(self.emit, 'welcome', 'hello', to=sid)"),
            ("def answer(io):\n    io.always_connect = True\n\n    @io.event\n"
            f"    async def connect(sid, environ):\n        await {hello}"),
            "def answer(io):\n    io.on('connect', lambda sid, environ: (\n        "
            + late('"welcome", "hello", to=sid')
            + ", None)[1])",
            connect("seen.append(sid)", "io.start_background_task(greet, io)",
                before="seen = []\n\n\nasync def greet(io):\n    while seen:\n"
                "        await io.emit('welcome', 'hello', to=seen.pop())\n\n\n"),
        ],
    )  # fmt: skip


@pytest.mark.filterwarnings(NEVER_AWAITED)
async def test_01_3(check_exercise):
    leave = "await alice.disconnect()"
    come_back = "await alice.connect(url)"
    other = "other = socketio.AsyncClient(handle_sigint=False)"
    socketio = "import socketio\n\n\n"
    await check_exercise(
        exercise("01.3"),
        wrong=[
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
            (
                reconnect(other, "await other.connect(url)",
                    "ids = alice.get_sid(), other.get_sid()", "await other.disconnect()",
                    "return ids", before=socketio),
                "saw her connect once, and another client connect beside her",
            ),
            (
                reconnect(leave, other, "await other.connect(url)", "b = other.get_sid()",
                    "await other.disconnect()", "a = alice.get_sid()", come_back,
                    "return a, b", before=socketio),
                "The first id should be the one",
            ),
            (
                reconnect("a = alice.get_sid()", leave, other, "await other.connect(url)",
                    "b = other.get_sid()", "await other.disconnect()", come_back,
                    "return a, b", before=socketio),
                "it is another client's",
            ),
            (
                reconnect(other, "ids = [alice.get_sid()]",
                    "await other.connect(url, headers={'X-Chatlib-Name': 'alice'})",
                    "ids.append(other.get_sid())", "await other.disconnect()", "return ids",
                    before=socketio),
                "It was another client that did",
            ),
            (reconnect(come_back, "return 1, 2"), "Already connected"),
            (
                reconnect("a = alice.get_sid()", leave, "await alice.connect('http://127.0.0.1:1')",
                    "return a, alice.get_sid()"),
                "alice herself should connect again, to the url that the function is given.",
            ),
            (
                reconnect("a = alice.get_sid()", "alice.disconnect()", "return a, a"),
                "`alice.disconnect(...)` was not awaited",
            ),
            (
                reconnect("a = alice.get_sid()", leave, "await alice.wait()", come_back,
                    "return {a, alice.get_sid()}"),
                "it returned a set, which has no order.",
            ),
            (
                reconnect("ids = []", "for _ in range(3):", "    ids.append(alice.get_sid())",
                    f"    {leave}", f"    {come_back}", "return ids[:2]"),
                "it is another one of hers",
            ),
            (
                reconnect("a = alice.get_sid()", leave, come_back,
                    "return a, alice.get_sid(), url"),
                "it returned a tuple of 3",
            ),
        ],
        right=[
            reconnect("ids = [alice.get_sid()]", leave, come_back, "ids += [alice.get_sid()]",
                "return ids"),
            reconnect("a = alice.namespaces['/']", leave, come_back,
                "return a, alice.namespaces['/']"),
            ("async def answer(client, address):\n    ids = []\n    for turn in range(2):\n"
            "        ids.append(client.get_sid())\n        if not turn:\n"
            "            await client.disconnect()\n"
            "            await client.connect(address, auth={'name': 'x'})\n    return ids"),
            reconnect("ids = [alice.get_sid()]",
                "alice.on('connect', lambda: ids.append(alice.get_sid()))",
                leave, "print('gone')", come_back, "await alice.emit('back')", "return tuple(ids)"),
            reconnect("ids = dict(before=alice.get_sid())", leave, come_back,
                "ids['now'] = alice.get_sid()", "return ids.values()"),
            reconnect("a = alice.get_sid()", leave, come_back, leave, come_back,
                "return map(str, [a, alice.get_sid()])"),
            reconnect("url = alice.connection_url", "a = alice.get_sid()", leave, come_back,
                "return a, alice.get_sid()"),
            reconnect("a = await again(alice, url)", "return a, alice.get_sid()",
                before="async def again(client, url):\n    before = client.get_sid()\n"
                "    await client.disconnect()\n    await client.connect(url)\n"
                "    return before\n\n\n"),
            reconnect("a = alice.get_sid()", leave, other, "await other.connect(url)",
                "await other.disconnect()", come_back, "return a, alice.get_sid()",
                before=socketio),
        ],
    )  # fmt: skip


async def test_01_4(check_exercise):
    carol, dave, news, note = (
        line.code for line in exercise("01.4").lines if line.heard is not None
    )

    def guess(**changed):
        guesses = {
            carol: ["carol"],
            dave: ["alice", "bob", "carol", "dave"],
            news: ["alice", "bob", "carol"],
            note: [],
        }
        rows = {"carol": carol, "dave": dave, "news": news, "note": note}
        return f"answer = {guesses | {rows[key]: value for key, value in changed.items()}!r}"

    await check_exercise(
        exercise("01.4"),
        wrong=[
            (guess(carol=["alice", "bob", "carol"]), "The welcome has an address"),
            (guess(carol=["alice", "bob"]), "carol heard it, and your guess leaves them out"),
            (guess(dave=["alice", "bob", "carol"]), "at the door is on it while the handler"),
            (guess(dave=["dave"]), "What has no address is for everyone on the circuit"),
            (guess(dave=[]), "alice, bob, carol and dave heard it"),
            (guess(news=["alice", "bob", "carol", "dave"]), "dave was refused, bob is back"),
            (guess(news=["alice", "carol"]), "bob heard it, and your guess leaves them out"),
            (guess(note=["bob"]), "bob has another one by now"),
            (guess(note=["bobby"]), "there are alice, bob, carol and dave"),
        ],
        right=[
            guess(),
            guess(carol=("carol",), dave={"alice", "bob", "carol", "dave"}, note=()),
            guess(carol="carol", dave="everyone", news="alice, bob and carol", note="nobody"),
            guess(note=None, news="alice bob carol"),
            (
                f"everyone = ['alice', 'bob', 'carol', 'dave']\nanswer = dict({{{dave!r}: everyone,"
                f" {carol!r}: everyone[2:3], {news!r}: everyone[:3], {note!r}: []}})"
            ),
        ],
    )


@pytest.mark.filterwarnings(NEVER_AWAITED)
async def test_01_5(check_exercise):
    come_in = "await client.connect(url)"
    listen = 'client.on("welcome", heard.append)'
    handle = ('@client.on("welcome")', "async def welcome(text):")
    again = ("await client.disconnect()", come_in)
    asyncio = "import asyncio\n\n\n"

    def newcomer(*lines, before=""):
        return before + "\n    ".join(["async def answer(client, url, heard):", *lines])

    too_early = 'When "welcome" came, alice had no handler for it yet'
    await check_exercise(
        exercise("01.5"),
        wrong=[
            (newcomer(come_in, listen), too_early),
            (newcomer(come_in, listen, "await asyncio.sleep(0.1)", before=asyncio), too_early),
            (newcomer(come_in, listen, "await client.emit('welcome')"), too_early),
            # The server has welcomed her twice by then, and she has heard it once.
            (newcomer(come_in, listen, *again), too_early),
            (newcomer('client.on("connect", lambda: ' + listen + ")", come_in), too_early),
            (
                newcomer("if client.connected:", f"    {listen}", come_in),
                'alice has no handler for "welcome".',
            ),
            (
                newcomer('client.on("Welcome", heard.append)', come_in),
                'alice has no handler for "welcome"; it has one for "Welcome".',
            ),
            (
                newcomer('client.on("message", heard.append)', come_in),
                'alice has no handler for "welcome"; it has one for "message".',
            ),
            (newcomer(listen, "client.connect(url)"), "`client.connect(...)` was not awaited"),
            (newcomer(listen), "alice should be connected at the end, and is not."),
            (newcomer(listen, come_in, "await client.disconnect()"), "connected at the end"),
            (newcomer(listen, come_in, come_in), "Already connected"),
            (
                newcomer(listen, "await client.connect('http://127.0.0.1:1')"),
                "There was no connection. alice should connect to the url that the function is",
            ),
            (
                newcomer("other = socketio.AsyncClient(handle_sigint=False)",
                    "other.on('welcome', heard.append)", "await other.connect(url)",
                    "clients.append(other)", before="import socketio\n\nclients = []\n\n\n"),
                "alice should be connected at the end, and is not; another client connected.",
            ),
            (newcomer(come_in, 'heard.append("hello, Carol")'), 'alice has no handler for "wel'),
            (
                newcomer(*handle, '    heard.append("hello, Carol")', come_in),
                'and it is ["hello, Carol"]',
            ),
            (newcomer(*handle, "    heard.append((text,))", come_in), 'and it is [["hello '),
            (newcomer(*handle, "    heard += [text]", come_in), "UnboundLocalError"),
            (newcomer(*handle, "    heard = [text]", come_in), "alice's list should be [\"hello "),
            (newcomer(*handle, "    heard[:] = [text]", come_in),
                "After alice disconnected and connected again, alice's list should be"),
            (newcomer(*handle, "    if not heard: heard.append(text)", come_in),
                "After alice disconnected and connected again, alice's list should be"),
            (newcomer(*handle, "    if text not in heard: heard.append(text)", come_in),
                "After erin disconnected and connected again, erin's list should be"),
            (newcomer(*handle, "    heard.append(text)", come_in, "heard.append(heard[-1])"),
                "After alice connected, alice's list should be"),
            (newcomer(*handle, "    heard.append(text)", "    client.handlers.clear()", come_in),
                'alice has no handler for "welcome".'),
            (newcomer("lists.append(heard)", *handle, "    lists[0].append(text)", come_in,
                    before="lists = []\n\n\n"),
                # Which the first scene has filled.
                "After erin connected, erin's list should be"),
            (newcomer("lists.append(heard)", *handle, "    lists[-1].append(text)", come_in,
                    before="lists = []\n\n\n"),
                "After erin disconnected and connected again, erin's list should be"),
            (newcomer("if not known:", f"    {listen}", "    known.append(client)", come_in,
                    before="known = []\n\n\n"),
                'erin has no handler for "welcome".'),
            (newcomer('@client.on("welcome")', "async def welcome():", "    heard.append('')",
                    come_in), "TypeError"),
            (newcomer(listen, come_in, "await client.wait()"), "Something does not end."),
        ],
        right=[
            newcomer(listen, come_in),
            newcomer(listen, come_in, listen),
            newcomer("@client.event", "def welcome(text): heard.extend([text])", "print('in')",
                "await client.connect(url, auth={'name': 'x'})"),
            newcomer("client.on('*', lambda event, *data: heard.extend(data))", come_in),
            newcomer("class Ears(socketio.AsyncClientNamespace):",
                "    async def on_welcome(self, text): heard.append(text)",
                "client.register_namespace(Ears('/'))", come_in, before="import socketio\n\n\n"),
            newcomer("task = asyncio.create_task(client.connect(url))", listen, "await task",
                before=asyncio),
            newcomer("client.start_background_task(client.connect, url)", listen),
            newcomer("await client.connect(url, wait=False)", listen),
            newcomer("texts = asyncio.Queue()", "client.on('welcome', texts.put)",
                "client.start_background_task(keep, texts, heard)", come_in,
                before=asyncio + "async def keep(texts, heard):\n    while True:\n"
                "        heard.append(await texts.get())\n\n\n"),
            newcomer("kept = []", *handle, "    kept.append(text)", "    heard[:] = kept", come_in,
                "await client.emit('thanks')"),
            newcomer("client.on('connect', lambda: print('in'))", listen, come_in, *again),
            ("def answer(who, address, texts):\n    who.on('welcome')(texts.append)\n"
            "    return who.connect(address)"),
        ],
    )  # fmt: skip


async def test_01_5_prints_what_was_heard_beside_its_picture(capsys):
    late, right = exercise("01.5").starter, exercise("01.5").solution_text
    for source, heard in ((late, "[]"), (right, "['hello, Carol']")):
        picture = await exercise("01.5").picture(function(source))
        assert capsys.readouterr().out == f"carol's list: {heard}\n"
        *_, welcome, connected = repr(picture).splitlines()
        assert welcome == 'server → carol   welcome "hello, Carol"'
        assert connected == "server → carol   connected"
