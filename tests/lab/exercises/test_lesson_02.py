from functools import partial

import pytest

from chatlib.lab import exercise
from support.exercise_checks import function


def handler(event, parameters, *body):
    lines = "\n".join(f"        {line}" for line in body)
    return f"def answer(io):\n    @io.on({event!r})\n    async def handle({parameters}):\n{lines}\n"


def server(*lines, before=""):
    """Return an answer that is given as lines of its own, and what stands before it."""
    body = "\n".join(f"    {line}" for line in lines)
    return f"{before}\ndef answer(io):\n{body}\n"


area = partial(handler, "area", "sid, width, height")
hello = partial(handler, "hello", "sid")
forecast = partial(handler, "forecast", "sid, weather, day")


def paint(*calls):
    return "\n    ".join(["async def answer(alice):", *calls])


async def test_02_1(check_exercise):
    await check_exercise(
        exercise("02.1"),
        [
            (area("width * height"), "should have been 12, but it was nothing."),
            (area("return width + height"), "should have been 12, but it was 7."),
            (area("return 12"), "with 5 and 2, the answer should have been 10, but it was 12."),
            (area("return {(3, 4): 12, (5, 2): 10}.get((width, height))"), "have been 49"),
            (area("return width, height"), "but it was (3, 4)."),
            (area("return str(width * height)"), "should have been 12, but it was '12'."),
            (area("print(width * height)"), "but it was nothing."),
            (area("await io.emit('area', width * height, to=sid)"), 'alice heard "area"'),
            (handler("area", "sid, size", "return size[0] * size[1]"), "TypeError"),
            (handler("area", "width, height", "return width * height"), "TypeError"),
            (
                handler("Area", "sid, width, height", "return width * height"),
                'sent "area", and the server has no handler for it; it has one for "Area"',
            ),
            (server("pass"), 'alice sent "area", and the server has no handler for it'),
            (area("return int(width) * int(height)"), "have been 3.75, but it was 2."),
            (area("return int(width * height)"), "have been 3.75, but it was 3."),
            (area("return sum(width for _ in range(height))"), "'float' object cannot be"),
            (area("return width * height % 1000"), "have been 5400, but it was 400."),
            (
                server(
                    "areas = {}",
                    "@io.on('area')",
                    "async def handle(sid, width, height):",
                    "    return areas.setdefault(width, width * height)",
                ),
                "with 7 and 2, the answer should have been 14, but it was 49.",
            ),
            (
                server(
                    "asked = []",
                    "@io.on('area')",
                    "async def handle(sid, *size):",
                    "    asked.append(size)",
                    "    await io.call('ready?', to=sid)",
                    "    return asked[-1][0] * asked[-1][1]",
                ),
                'After alice called "area" with 3 and 4, and somebody else at the same moment',
            ),
            (
                server(
                    "async def times(x, y):",
                    "    return x * y",
                    "@io.on('area')",
                    "async def handle(sid, width, height):",
                    "    times(width, height)",
                ),
                "`times(...)` was not awaited",
            ),
        ],
        [
            server("io.on('area', lambda sid, width, height: width * height)"),
            server("@io.event", "def area(_, w, h):", "    return w * h"),
            server(
                "@io.on('area')",
                "async def handle(who, *size):",
                "    return math.prod(size)",
                before="import math",
            ),
            server(
                "async def times(x, y):",
                "    return x * y",
                "io.on('area', handler=lambda sid, *size: asyncio.ensure_future(times(*size)))",
                "@io.on('area')",
                "async def handle(sid, width, height):",
                "    return await times(width, height)",
                before="import asyncio",
            ),
            server(
                "io.register_namespace(Rooms('/'))",
                before="import socketio\n\nclass Rooms(socketio.AsyncNamespace):\n"
                "    def on_area(self, sid, width, height):\n        return width * height\n",
            ),
            server(
                "@io.on('*')",
                "async def anything(event, sid, *size):",
                "    if event == 'area':",
                "        return size[0] * size[1]",
            ),
            area(
                "print(width, height)",
                "await io.emit('somebody asked')",
                "await io.emit('area', width * height, to=sid)",
                "return height * width",
            ),
            area(
                "import asyncio",
                "return sum(await asyncio.gather(*map(row, [width * height / 4] * 4)))",
            ).replace(
                "def answer(io):", "async def row(width):\n    return width\n\ndef answer(io):"
            ),
        ],
    )


PAINT = 'tasks.append(loop.create_task(alice.emit("paint", ("red", [3, 4]))))'
TASK = """import asyncio

tasks = []

{} answer(alice):
    loop = asyncio.get_running_loop()
    {}
"""


async def test_02_2(check_exercise):
    await check_exercise(
        exercise("02.2"),
        [
            (paint('await alice.emit("paint", ["red", [3, 4]])'), "There was 1: ['red', [3, 4]]."),
            (paint('await alice.emit("paint", ("red", 3, 4))'), "There were 3: 'red', 3, 4."),
            (paint('await alice.emit("paint", "red", [3, 4])'), "one value: for several"),
            (paint('await alice.emit("paint", "red", 3, 4)'), "one value: for several"),
            (paint('await alice.emit("paint", "red", "3, 4")'), "raised BadNamespaceError"),
            (paint('await alice.emit("paint", "red", 3, 4, 5)'), "one value: for several"),
            (paint('await alice.emit("paint")'), "There were 0: none."),
            (
                paint('await alice.emit("paint", ("red", {[3, 4]}))'),
                "unhashable type: 'list'",  # newer Pythons say more around it
            ),
            (
                'async def answer():\n    await alice.emit("paint", ("red", [3, 4]))\n',
                "Your code raised TypeError: answer() takes 0 positional arguments but 1 was given",
            ),
            (paint('await alice.emit("paint", ("blue", [3, 4]))'), "There were 2: 'blue', [3, 4]."),
            (paint('await alice.emit("paint", ([3, 4], "red"))'), "There were 2: [3, 4], 'red'."),
            (paint('await alice.emit("paint", ("red", {3, 4}))'), "not JSON serializable"),
            (
                paint('await alice.emit("pant", ("red", [3, 4]))'),
                'should have got "paint". It got "pant".',
            ),
            (
                paint('alice.emit("paint", ("red", [3, 4]))'),
                "`alice.emit(...)` was not awaited",
            ),
            (
                paint('await alice.emit("paint", "red")', 'await alice.emit("paint", [3, 4])'),
                "It came 2 times",
            ),
            (paint("pass"), "It got nothing."),
            (
                paint('alice.on("paint", lambda: ("red", [3, 4]))'),
                "It got nothing.",
            ),
        ],
        [
            paint('await alice.emit("hello")', 'await alice.emit("paint", ("red", [3, 4]))'),
            paint('await alice.call("paint", ("red", (3, 4)))', 'await alice.emit("done")'),
            'def answer(client):\n    return client.emit("paint", data=tuple(["red", [3, 4]]))',
            'answer = lambda client: client.emit("paint", ("red", [3, 4]))',
            TASK.format("def", PAINT),
            TASK.format("async def", f"loop.call_later(0.2, lambda: {PAINT})"),
            paint(
                "x, y = 3, 4",
                "arguments = 'red', [x, y]",
                "print(arguments)",
                "alice.start_background_task(alice.emit, 'paint', arguments, None, print)",
            ),
        ],
    )


ASK = "name = await io.call('name?', to=sid)"
TELL = "await io.emit('joined', name)"


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
async def test_02_3(check_exercise):
    await check_exercise(
        exercise("02.3"),
        [
            (hello(ASK), 'everyone should have heard "joined"'),
            (hello(ASK, "await io.emit('joined', name, to=sid)"), "everyone should have heard"),
            (hello(ASK, "await io.emit('joined', name, skip_sid=sid)"), "everyone should have"),
            (hello(ASK, "await io.emit('joined')"), '"joined" came without a name'),
            (hello(ASK, "await io.emit('joined', sid)"), 'should have carried "Alice", but'),
            (hello(ASK, "return name"), 'everyone should have heard "joined"'),
            (hello(ASK, TELL, TELL), '"joined" came more than once'),
            (hello("name = await io.emit('name?', to=sid)", TELL), "an io.emit returns nothing"),
            (
                hello(
                    ASK,
                    "await io.emit('joined', name, to=sid)",
                    "await io.emit('joined', sid, skip_sid=sid)",
                ),
                'should have carried "Alice", but',
            ),
            (hello("await io.emit('name?')"), "alice alone should have been asked"),
            (hello("name = await io.call('name?', to='')", TELL), "alice alone should have been"),
            (hello("name = await io.call('name?')", TELL), "ValueError"),
            (hello("await io.emit('joined', 'Alice')"), 'alice should have been asked "name?"'),
            (
                hello("name = await io.call('name', to=sid)", TELL),
                'alice was asked "name". The event that waits for an answer is "name?".',
            ),
            (
                hello("name = await io.call('Name?', to=sid)", "await io.emit('joined', name)"),
                'alice was asked "Name?". The event that waits for an answer is "name?".',
            ),
            (
                hello("name = io.call('name?', to=sid)", "await io.emit('joined')"),
                "`io.call(...)` was not awaited",
            ),
            (hello(ASK, "io.emit('joined', name)"), "`io.emit(...)` was not awaited"),
            (hello("name = io.call('name?', to=sid)", TELL), "`io.call(...)` was not awaited"),
            (
                server(
                    "first = []",
                    "@io.on('hello')",
                    "async def handle(sid):",
                    "    first.append(sid)",
                    "    name = await io.call('name?', to=first[0])",
                    f"    {TELL}",
                ),
                "After bob emitted",
            ),
            (
                server(
                    "last = {}",
                    "@io.on('hello')",
                    "async def handle(sid):",
                    "    last['name'] = await io.call('name?', to=sid)",
                    "    await io.emit('welcome', to=sid)",
                    "    await io.call('ready?', to=sid)",
                    "    await io.emit('joined', last['name'])",
                ),
                'emitted "hello" at once, everyone should have heard "joined" with',
            ),
            (
                server(
                    "busy = []",
                    "@io.on('hello')",
                    "async def handle(sid):",
                    "    if not busy:",
                    "        busy.append(sid)",
                    f"        {ASK}",
                    f"        {TELL}",
                    "        busy.clear()",
                ),
                'emitted "hello" at once, everyone should have heard "joined" with',
            ),
            (
                server(
                    "names = {}",
                    "@io.on('hello')",
                    "async def handle(sid):",
                    "    if sid not in names:",
                    "        names[sid] = await io.call('name?', to=sid)",
                    "    await io.emit('joined', names[sid])",
                ),
                'After alice emitted "hello" again, alice should have been asked "name?"',
            ),
            (
                server(
                    "there = []",
                    "@io.on('hello')",
                    "async def handle(sid):",
                    "    there.extend([] if there else io.manager.rooms['/'][None])",
                    f"    {ASK}",
                    "    for one in there:",
                    "        await io.emit('joined', name, to=one)",
                ),
                'everyone should have heard "joined". What happened: alice heard "name?", alice',
            ),
            (
                hello(
                    "names = []",
                    "await io.emit('name?', to=sid, callback=names.append)",
                    "await io.sleep(0.05)",
                    "await io.emit('joined', names[-1] if names else '')",
                ),
                'judy, who is slow to answer, emitted "hello" at once, everyone should have heard',
            ),
            (
                hello("name = (await io.call('name?', to=sid)).strip()", TELL),
                'carried " Old Frank", but it carried "Old Frank".',
            ),
            (
                handler("Hello", "sid", ASK, TELL),
                'alice sent "hello", and the server has no handler for it',
            ),
        ],
        [
            hello(
                "async def ask():",
                f"    {ASK}",
                f"    {TELL}",
                "io.start_background_task(ask)",
                "return 'welcome'",
            ),
            hello(
                "async def tell(name):",
                f"    {TELL}",
                "await io.emit('name?', to=sid, callback=tell)",
            ),
            hello(
                "name = await io.call('name?', sid=sid, timeout=5)",
                "await io.emit('joined', name, to=sid)",
                "await io.emit('joined', (name,), skip_sid=sid)",
            ),
            hello(
                ASK,
                "print(name, 'is here')",
                "await io.emit('counted', len(name))",
                "await io.emit(event='joined', data=name, room=None)",
                "await io.emit('welcome', name, to=sid)",
            ),
            server(
                "io.register_namespace(Door('/'))",
                before="import socketio\n\nclass Door(socketio.AsyncNamespace):\n"
                "    async def on_hello(self, who):\n"
                "        await self.emit('joined', await self.call('name?', to=who))\n",
            ),
            server(
                "came = asyncio.Queue()",
                "async def work():",
                "    while not came.empty():",
                "        sid = await came.get()",
                f"        {ASK}",
                f"        {TELL}",
                "@io.event",
                "def hello(sid):",
                "    came.put_nowait(sid)",
                "    workers.append(asyncio.ensure_future(work()))",
                "workers = []",
                before="import asyncio\n",
            ),
            server(
                "lock = asyncio.Lock()",
                "@io.event",
                "async def hello(sid):",
                "    async with lock:",
                f"        {ASK}",
                f"    {TELL}",
                before="import asyncio\n",
            ),
            hello(
                "answer = asyncio.get_running_loop().create_future()",
                "await io.emit('name?', to=[sid], callback=answer.set_result)",
                "await io.emit('joined', await answer)",
            ).replace("def answer", "import asyncio\n\ndef answer"),
            hello(
                "import asyncio",
                "ask = io.call('name?', ('please', {'lang': 'en'}), to=sid)",
                "names = await asyncio.gather(ask, asyncio.sleep(0))",
                "await io.emit('joined', names[0])",
            ),
        ],
    )


def guess(whisper, tell, double, unknown, news):
    return (
        "answer = {\n"
        f'    \'alice.emit("whisper", "psst")\': {whisper!r},\n'
        f'    \'bob.emit("tell", "lunch is ready")\': {tell!r},\n'
        f"    'alice.call(\"double\", 21)': {double!r},\n"
        f"    'bob.emit(\"duoble\", 21)': {unknown!r},\n"
        f'    \'alice.emit("news", "it rains")\': {news!r},\n'
        "}\n"
    )


async def test_02_4(check_exercise):
    a, b = ["alice"], ["bob"]
    both, tell = ["alice", "bob"], ["alice", "bob", "bob"]
    await check_exercise(
        exercise("02.4"),
        [
            (guess(both, tell, [], b, a), "The third argument of io.emit is the address"),
            (guess([], tell, [], b, a), "The third argument of io.emit is the address"),
            (guess(a, both, [], b, a), "bob heard it twice, not once."),
            (guess(a, ["bob", "bob"], [], b, a), "alice heard it, and your guess leaves them out"),
            (guess(a, tell, a, b, a), "an answer to its caller, and no event"),
            (guess(a, tell, [], [], a), 'the handler for "*" gets it'),
            (guess(a, tell, [], both, a), 'the handler for "*" gets it'),
            (guess(a, tell, [], b, b), "to the server and no further"),
            (guess(a, tell, [], b, []), "to the server and no further"),
            (guess(a, tell, [], b, ["carol"]), "names 'carol'; there are alice and bob"),
            ("answer = []", "A guess is a dict"),
        ],
        [
            guess(("alice",), ("bob", "alice", "bob"), (), ("bob",), ("alice",)),
            guess({"alice"}, ["bob", "bob", "alice"], None, {"bob"}, {"alice"}),
            guess("alice", "alice, bob, bob", "nobody", "bob", "alice"),
            guess("alice", "bob, alice and bob", [], "bob", ["alice"]),
            guess(a, tell, ["nobody"], b, "alice").replace("answer =", "guess = answer ="),
        ],
    )


async def test_02_5(check_exercise):
    await check_exercise(
        exercise("02.5"),
        [
            (
                forecast("await io.emit('news', [weather, day])"),
                'should have carried "rain", "tomorrow", but it carried ["rain", "tomorrow"]',
            ),
            (forecast("await io.emit('news', weather)"), 'but it carried "rain".'),
            (
                forecast("await io.emit('news', f'{weather} {day}')"),
                'but it carried "rain tomorrow".',
            ),
            (
                forecast("await io.emit('news', (day, weather))"),
                'but it carried "tomorrow", "rain".',
            ),
            (
                forecast("await io.emit('news', {'weather': weather, 'day': day})"),
                "should have carried",
            ),
            (
                forecast("await io.emit('news', weather)", "await io.emit('news', day)"),
                'heard "news" more than once',
            ),
            (
                forecast("await io.emit('news', (weather, day), to=sid)"),
                'bob should have heard "news" and did not',
            ),
            (
                forecast("await io.emit('news', (weather, day), skip_sid=sid)"),
                'alice should have heard "news" and did not',
            ),
            (
                forecast("await io.emit('news', weather, sid)"),
                'bob should have heard "news" and did not',
            ),
            (
                forecast("await io.emit('news', weather, to=day)"),
                'alice and bob should have heard "news". Nobody did.',
            ),
            (
                forecast("await io.emit('news', ('rain', 'tomorrow'))"),
                'After bob emitted "forecast" with "snow" and "on Sunday", "news" should',
            ),
            (forecast("io.emit('news', (weather, day))"), "`io.emit(...)` was not awaited"),
            (
                forecast("await io.emit('news', (weather.lower(), day))"),
                'should have carried "Sun", "all week", but it carried "sun", "all week".',
            ),
            (
                server(
                    "told = set()",
                    "@io.event",
                    "async def forecast(sid, *news):",
                    "    if news not in told:",
                    "        told.add(news)",
                    "        await io.emit('news', news)",
                ),
                'After frank emitted "forecast" with "fog" and "tonight"',
            ),
            (
                forecast(
                    "for one in [one for one, _ in io.manager.get_participants('/', None)][:3]:",
                    "    await io.emit('news', (weather, day), to=one)",
                ),
                'heidi should have heard "news" and did not',
            ),
            (
                server(
                    "there = []",
                    "@io.event",
                    "async def forecast(sid, *told):",
                    "    there.extend([] if there else io.manager.rooms['/'][None])",
                    "    for one in there:",
                    "        await io.emit('news', told, to=one)",
                ),
                'After ivan emitted "forecast" with " hail" and "at noon ", ivan should have heard',
            ),
            (
                forecast("await io.emit('news', (weather, day.strip()))"),
                'should have carried " hail", "at noon ", but it carried " hail", "at noon".',
            ),
            (
                handler("forecast", "sid, told", "await io.emit('news', told)"),
                "TypeError",
            ),
            (
                forecast(
                    "io.newest = weather, day",
                    "await io.sleep(0.05)",
                    "await io.emit('news', io.newest)",
                ),
                'When alice and bob emitted "forecast" at once, everyone should have heard "news"',
            ),
            (
                handler("news", "sid, weather, day", "await io.emit('news', (weather, day))"),
                'alice sent "forecast", and the server has no handler for it',
            ),
        ],
        [
            handler("forecast", "sid, *told", "await io.emit('news', told)"),
            forecast("await io.emit('news', tuple([weather, day]), None)"),
            forecast(
                "io.newest = weather, day",
                "newest = io.newest",
                "await io.sleep(0.02)",
                "await io.emit('news', newest)",
            ),
            forecast(
                "await io.emit('forecast', [weather, day])",
                "await io.emit('news', (weather, day), to=None)",
            ),
            forecast(
                "for whom in ({'to': sid}, {'skip_sid': sid}):",
                "    await io.emit('news', (weather, day), **whom)",
                "return 'thanks'",
            ),
            forecast("io.start_background_task(io.emit, 'news', data=(weather, day))"),
            server(
                "@io.event",
                "async def connect(sid, environ):",
                "    await io.enter_room(sid, 'all')",
                "@io.on('*')",
                "async def anything(event, sid, *told):",
                "    if event == 'forecast':",
                "        await io.emit('news', told, 'all')",
            ),
            server(
                "@io.event",
                "def forecast(who, *told):",
                "    loop = asyncio.get_running_loop()",
                "    later = lambda: tasks.append(loop.create_task(io.emit('news', told)))",
                "    loop.call_later(0.1, later)",
                before="import asyncio\n\ntasks = []\n",
            ),
            server(
                "io.register_namespace(Weather('/'))",
                before="import socketio\n\nclass Weather(socketio.AsyncNamespace):\n"
                "    async def on_forecast(self, sid, weather, day):\n"
                "        await self.emit('news', (weather, day))\n",
            ),
        ],
    )


@pytest.mark.parametrize("source", ["starter", "solution_text"])
async def test_the_forecast_shows_its_bug(source):
    forecast = exercise("02.5")
    picture = await forecast.picture(function(getattr(forecast, source)))
    nobody = 'server ○ alice and bob: not news "rain"\n'
    assert (nobody in f"{picture.text()}\n") == (source == "starter")
