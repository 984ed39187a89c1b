import threading
import time

from chatlib.lab import exercise
from support.exercise_checks import function

TIMEOUT = "import asyncio\nimport socketio\nTimeout = socketio.exceptions.TimeoutError\n"


def share(*body):
    lines = "\n".join(f"        {line}" for line in body)
    return f"def answer(io):\n    @io.on('share')\n    async def share(sid, *numbers):\n{lines}\n"


def client(*body):
    lines = "\n".join(f"    {line}" for line in body)
    return f"{TIMEOUT}async def answer(client, text):\n{lines}\n"


def note(*body, before="pass"):
    lines = "\n".join(f"        {line}" for line in body)
    return (
        "import asyncio\nfrom collections import defaultdict\n"
        f"def answer(io):\n    {before}\n    @io.on('note')\n"
        f"    async def note(sid, text):\n{lines}\n"
    )


def guess(*rows):
    lines = [
        'alice.call("order", ("bread", 2))',
        'bob.call("order", ("pizza", 1))',
        'carol.emit("order", ["bread", 2])',
        'carol.emit("order", ("cake", "2"))',
        'alice.call("order", ("cake", None))',
    ]
    pairs = zip(lines, rows, strict=True)
    return f"answer = {{{', '.join(f'{line!r}: {row}' for line, row in pairs)}}}\n"


def bakery(*body, before="pass"):
    lines = "\n".join(f"        {line}" for line in body)
    return (
        "import asyncio\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "from threading import Thread\nimport time\n"
        f"def answer(io):\n    {before}\n"
        f"    @io.on('bake')\n    async def bake(sid, what):\n{lines}\n"
        "    @io.on('open?')\n    async def is_open(sid):\n        return 'yes'\n"
    )


def bakery_that_knows_when_it_has_answered(*body):
    """Return a bakery that can tell by ``await answered()`` that "open?" was, each time."""
    return bakery(
        *body,
        before="asked = asyncio.Semaphore(0)\n"
        "    async def answered():\n"
        "        for _ in range(3):\n"
        "            await asked.acquire()\n"
        "        for _ in range(100):  # until the last answer has arrived\n"
        "            await asyncio.sleep(0)\n",
    ).replace("return 'yes'", "asked.release()\n        return 'yes'")


async def test_07_1(check_exercise):
    good = "    return {'ok': True, 'each': numbers[0] // numbers[1]}"
    bad = "    return {'ok': False, 'error': 'Two numbers.'}"
    hard_coded = {
        (12, 4): 3, (7, 2): 3, (9, 3): 3, (30, 6): 5, (3, 5): 0, (0, 8): 0
    }  # fmt: skip
    await check_exercise(
        exercise("07.1"),
        wrong=[
            (
                share("return {'ok': True, 'each': numbers[0] // numbers[1]}"),
                'called "share" with (12, 0), the handler raised ZeroDivisionError',
            ),
            (
                share("try:", good, "except ZeroDivisionError:", bad),
                'called "share" with (12,), the handler raised IndexError',
            ),
            (
                share("try:", good, "except (ZeroDivisionError, IndexError):", bad),
                'with (12, 4, 1), "ok" should have been false',
            ),
            (
                share(
                    "if len(numbers) != 2:",
                    bad,
                    "try:",
                    good,
                    "except ZeroDivisionError:",
                    bad,
                ),
                'with ("many", 4), the handler raised TypeError',
            ),
            (
                share("try:", good, "except Exception as error:", "    return error"),
                "with (12, 0), the answer could not be sent: Object of type ZeroDivisionError is",
            ),
            (  # text that int() makes a number of is text
                share(
                    "try:",
                    "    sweets, people = map(int, numbers)",
                    "    return {'ok': True, 'each': sweets // people}",
                    "except Exception:",
                    bad,
                ),
                'with ("12", "4"), "ok" should have been false',
            ),
            (
                share(
                    "if len(numbers) != 2 or not str(numbers[1]).isdigit() or not numbers[1]:",
                    bad,
                    "try:",
                    "    return {'ok': True, 'each': numbers[0] // int(numbers[1])}",
                    "except TypeError:",
                    bad,
                ),
                'with (20, "5"), "ok" should have been false',
            ),
            (
                share("try:", good.replace("True", "1"), "except Exception:", bad),
                '"ok" should have been True or False, but the answer was',
            ),
            (
                share("try:", good, "except Exception:", "    await io.disconnect(sid)"),
                'carol called "share" and got no answer',
            ),
            (
                share("callback({'ok': True, 'each': 3})").replace("*n", "*n, callback=None, **n"),
                "the handler raised TypeError: 'NoneType' object is not callable",
            ),
            (
                share("try:", good, "except Exception:", "    pass"),
                'should have had an "ok", but it was None',
            ),
            (
                share("try:", good, "except Exception:", "    return {'ok': False}"),
                'a sentence as "error": it was',
            ),
            (share("return {'ok': False, 'error': 'No.'}"), "the answer should have been {'ok': T"),
            (
                share("sweets, people = numbers", "return sweets // people"),
                'should have had an "ok", but it was 3',
            ),
            ("def answer(io): pass", 'sent "share", and the server has no handler for it'),
            # Hard-coded, for all that a check is known to send.
            (
                share(
                    f"known = {hard_coded}",
                    "try:",
                    "    return {'ok': True, 'each': known[numbers]}",
                    "except Exception:",
                    bad,
                ),
                "the answer should have been {'ok': True, 'each': ",
            ),
            (
                share(
                    "if numbers in ((12, 4), (7, 2)):",
                    "    return {'ok': True, 'each': 3}",
                    "return {'ok': False, 'error': 'No.'}",
                ),
                "the answer should have been {'ok': True, 'each': ",
            ),
            (
                share(
                    "if len(numbers) != 2 or 0 in numbers:", bad, *("try:", good), "except:", bad
                ),
                'After dave called "share" with (0, 8), the answer should have been',
            ),
            (
                share("try:", "    sweets, people = numbers", "except ValueError:", bad)
                + "        if people: return {'ok': True, 'each': sweets // people}\n",
                'with (12, 0), the answer should have had an "ok", but it was None',
            ),
            (
                share(
                    "try:",
                    "    return {'ok': True, 'each': numbers[0] / numbers[1]}",
                    "except Exception:",
                    bad,
                ),
                "should have been {'ok': True, 'each': 3}, but it was {'ok': True, 'each': 3.5}",
            ),
        ],
        right=[
            share(
                "import asyncio",
                "async def work():",
                "    sweets, people = numbers",
                "    return sweets // people",
                "task = asyncio.create_task(asyncio.wait_for(work(), 1))",
                "try:",
                "    return {'ok': True, 'each': await task}",
                "except Exception as error:",
                "    return {'ok': False, 'error': repr(error)}",
            ),
            # A decorator, as the lesson has it.
            (
                "def answered(handler):\n"
                "    async def answer(sid, *arguments):\n"
                "        try:\n"
                "            return {'ok': True, 'each': await handler(sid, *arguments)}\n"
                "        except Exception as error:\n"
                "            return {'ok': False, 'error': str(error)}\n"
                "    return answer\n"
                "async def share(sid, sweets, people):\n"
                "    return sweets // people\n"
                "def answer(io):\n"
                "    io.on('share', answered(share))\n"
            ),
            # No try at all, and a handler that is not a coroutine.
            (
                "def answer(io):\n"
                "    @io.event\n"
                "    def share(sid, a=None, b=None, *more):\n"
                "        if type(a) is int and type(b) is int and b and not more:\n"
                "            return {'ok': True, 'each': a // b, 'left': a % b}\n"
                "        print('bad input')\n"
                "        return {'ok': False, 'error': 'Two numbers, please.', 'got': None}\n"
            ),
            (
                "import socketio\n"
                "class Sweets(socketio.AsyncNamespace):\n"
                "    async def on_share(self, sid, *numbers):\n"
                "        try:\n"
                "            each = int.__floordiv__(*numbers)\n"
                "            assert each is not NotImplemented\n"
                "        except Exception:\n"
                "            await self.emit('complaint', len(numbers))\n"
                "            return dict(ok=False, error='No.')\n"
                "        return dict(ok=True, each=each)\n"
                "def answer(io):\n"
                "    io.register_namespace(Sweets('/'))\n"
            ),
            (
                "async def answer(server):\n"
                "    async def share(who, *args):\n"
                "        match args:\n"
                "            case (int(sweets), int(people)) if people != 0:\n"
                "                await server.emit('shared', sweets)\n"
                "                return {'ok': True, 'each': divmod(sweets, people)[0]}\n"
                "        return {'ok': False, 'error': 'Send two numbers.'}\n"
                "    server.on('share', share)\n"
            ),
            # Everything that has no handler of its own.
            (
                "def answer(io):\n"
                "    @io.on('*')\n"
                "    async def anything(event, sid, *args):\n"
                "        try:\n"
                "            return {'ok': True, 'each': (lambda a, b: a // b)(*args)}\n"
                "        except (TypeError, ArithmeticError):\n"
                "            return {'ok': False, 'error': f'{event} needs two numbers.'}\n"
            ),
        ],
    )


async def test_07_2(check_exercise):
    sent = "return 'sent' if got['ok'] else got['error']"
    call = "    got = await client.call('message', text, timeout=0.5)"
    gone = ("except Timeout:", "    return 'no answer'")
    # How long it waits does not matter where what it does then is wrong.
    soon = call.replace("0.5", "0.1")
    await check_exercise(
        exercise("07.2"),
        wrong=[
            (
                client(soon.strip(), sent),
                "should have returned 'no answer', but it raised",
            ),
            (  # Python's own
                client("try:", soon, "except TimeoutError:", "    return 'no answer'", sent),
                "should have returned 'no answer', but it raised socketio.exceptions.TimeoutError",
            ),
            (
                client("try:", "    got = await client.call('message', text)", *gone, sent),
                "takes three quarters of a second, the function should have returned 'no answer'",
            ),
            (
                client("try:", call, *gone, "return 'sent'"),
                "is busy.', but it returned 'sent'",
            ),
            (
                client("try:", call, *gone, "return got['ok'] or got['error']"),
                "should have returned 'sent', but it returned True",
            ),
            (
                client("try:", soon, "except Timeout:", "    return None", sent),
                "should have returned 'no answer', but it returned None",
            ),
            (
                client("await client.emit('message', text)", "return 'sent'"),
                "is busy.', but it returned 'sent'",
            ),
            (
                client(
                    "for _ in range(2):",
                    "    try:",
                    "        got = await client.call('message', text, timeout=0.25)",
                    f"        {sent}",
                    "    except Timeout:",
                    "        pass",
                    "return 'no answer'",
                ),
                'it should have got "message" once, with the text',
            ),
            (client("return 'sent'"), "It got nothing"),
            (
                client("try:", "    got = await client.call('massage', text, timeout=0.05)", *gone),
                "It got nothing",
            ),
            # Half a second is neither a hundredth nor five.
            (
                client("try:", call.replace("0.5", "0.01"), *gone, sent),
                "should have waited half a second, but it gave up sooner",
            ),
            (
                client("try:", call.replace("0.5", "5"), *gone, sent),
                "the function should have returned 'no answer', but it returned 'sent'",
            ),
            # Hard-coded to the texts.
            (
                client(
                    "try:",
                    call,
                    *gone,
                    "return 'sent' if text else got.get('error', 'Say something.')",
                ),
                "accepts it at once, the function should have returned 'sent', but it returned",
            ),
            (
                client(
                    "if text == 'hello?':",
                    "    await client.emit('message', text)",
                    "    return 'no answer'",
                    call.strip(),
                    sent,
                ),
                "the server accepts it at once, the function should have waited for that answer",
            ),
            (
                client("try:", call, *gone, "return 'sent' if got['ok'] else 'no answer'"),
                "is busy.', but it returned 'no answer'",
            ),
            (  # an answer may say more than that
                client(
                    "try:", call, *gone, "return 'sent' if got == {'ok': True} else got['error']"
                ),
                "its answer is {'ok': True, 'id': 7}. Of that, the function made KeyError: 'error'",
            ),
            (  # half a second too soon
                client("await asyncio.sleep(0.3)", "try:", call, *gone, sent),
                'it should have got "message" at once, but the function kept that back',
            ),
            (
                client("try:", call.replace("0.5", "0.25"), *gone, sent),
                "should have waited half a second, but it gave up sooner",
            ),
            (
                client("try:", call, *gone, "return 'sent' if got.ok else got.error"),
                "made AttributeError: 'dict' object has no attribute 'ok'",
            ),
            (  # takes the late answer for the next one's
                client(
                    "await client.emit('message', text, callback=came.put_nowait)",
                    "try:",
                    "    got = await asyncio.wait_for(came.get(), 0.5)",
                    "except TimeoutError:",
                    "    return 'no answer'",
                    sent,
                )
                + "came = asyncio.Queue()\n",
                "(whose last answer came late) refuses it at once",
            ),
            (  # two at once share what came
                client(
                    "came.clear()",
                    "def back(got):",
                    "    answers[:] = [got]",
                    "    came.set()",
                    "await client.emit('message', text, callback=back)",
                    "try:",
                    "    await asyncio.wait_for(came.wait(), 0.5)",
                    "except TimeoutError:",
                    "    return 'no answer'",
                    "got = answers[0]",
                    sent,
                )
                + "came, answers = asyncio.Event(), []\n",
                "called for 'tea' and for 'coffee' at the same time, it should have returned",
            ),
            (
                client("await client.call('message', text, timeout=0.5)", "return 'no answer'"),
                "should have waited for that answer",
            ),
            (
                client("got = client.call('message', text, timeout=0.5)", sent),
                "`client.call(...)` was not awaited",
            ),
        ],
        right=[
            client(
                "try:",
                "    async with asyncio.timeout(0.5):",
                "        got = await client.call('message', text)",
                "except Exception:",
                "    return 'no answer'",
                sent,
            ),
            client(
                "try:",
                "    got = await asyncio.wait_for(client.call('message', data=text), 0.5)",
                "except asyncio.TimeoutError:",
                "    return 'no answer'",
                "print('got', got)",
                "return got.get('error', 'sent')",
            ),
            # One after the other: nobody asks for two at once to be under way together.
            client("async with turn:", "    try:", f"    {call}", *[f"    {x}" for x in gone])
            + f"    {sent}\nturn = asyncio.Lock()\n",
            # The callback of emit, and an event of one's own.
            client(
                "came, answers = asyncio.Event(), []",
                "def back(got):",
                "    answers.append(got)",
                "    came.set()",
                "await client.emit('message', text, callback=back)",
                "try:",
                "    await asyncio.wait_for(came.wait(), 0.5)",
                "except TimeoutError:",
                "    return 'no answer'",
                "got = answers[0]",
                sent,
            ),
            # A future, which is cancelled by the time that a late answer comes.
            client(
                "got = asyncio.get_running_loop().create_future()",
                "await client.emit('message', text, callback=got.set_result)",
                "try:",
                "    await asyncio.wait_for(got, 0.5)",
                "except TimeoutError:",
                "    return 'no answer'",
                "return 'sent' if got.result()['ok'] else got.result()['error']",
            ),
            client(
                "task = asyncio.create_task(client.call('message', (text,), timeout=3))",
                "done, waiting = await asyncio.wait({task}, timeout=0.5)",
                "if waiting:",
                "    task.cancel()",
                "    return 'no answer'",
                "got = task.result()",
                sent,
            ),
            (
                f"{TIMEOUT}class Asked:\n"
                "    outcomes = []\n"
                "    async def __call__(self, alice, words):\n"
                "        try:\n"
                "            match await alice.call('message', words, None, 0.5):\n"
                "                case {'ok': True}: self.outcomes.append('sent')\n"
                "                case {'error': error}: self.outcomes.append(error)\n"
                "        except Timeout:\n"
                "            self.outcomes.append('no answer')\n"
                "        await alice.emit('outcome', self.outcomes[-1])\n"
                "        return self.outcomes[-1]\n"
                "answer = Asked()\n"
            ),
            (
                f"{TIMEOUT}def answer(client, text):\n"
                "    return ask(client.call('message', text, timeout=0.5))\n"
                "async def ask(call):\n"
                "    try:\n"
                "        got = await call\n"
                "    except socketio.exceptions.SocketIOError:\n"
                "        return 'no answer'\n"
                "    return ('sent', got.get('error'))[not got['ok']]\n"
            ),
        ],
    )


async def test_07_3(check_exercise):
    checked = "checked = await io.call('check', text, to=sid)"
    inside = f"    {checked}"
    noted = "    await io.emit('noted', checked)"
    locks = "turns = defaultdict(asyncio.Lock)"
    await check_exercise(
        exercise("07.3"),
        wrong=[
            (
                note(checked, noted.strip()),
                '"noted" came out with the answers for two, four, three, one: not in order',
            ),
            (
                note("async with turn:", inside, noted, before="turn = asyncio.Lock()"),
                "While the server waited for bob's answer, alice's note should have come out",
            ),
            (  # one lock from the fourth client on
                note(
                    "numbers.setdefault(sid, len(numbers))",
                    "async with turns[min(numbers[sid], 3)]:",
                    inside,
                    noted,
                    before=f"numbers, {locks.replace(' =', ' = {},')}",
                ),
                "While the server waited for carol's answer, dave's note should have come out",
            ),
            (
                note("async with turns[text]:", inside, noted, before=locks),
                "not in order",
            ),
            (
                note("async with turns[sid]:", "    pass", checked, noted.strip(), before=locks),
                "not in order",
            ),
            (
                note("checked = await io.emit('check', text, to=sid)", noted.strip()),
                'should have carried "HELLO',
            ),
            (
                note("await io.emit('noted', text)"),
                'the server should have called "check" of bob, but it did not ask',
            ),
            (
                note(
                    "async with turns[sid]:",
                    inside,
                    "    await io.emit('noted', checked, to=sid)",
                    before=locks,
                ),
                'alice and erin should have heard "noted"',
            ),
            (
                note(
                    "async with turns[sid]:",
                    "    checked = await io.call('check', text)",
                    noted,
                    before=locks,
                ),
                "Your code raised ValueError",
            ),
            ("def answer(io): pass", 'bob sent "note", and the server has no handler for it.'),
            # Never asks, and makes up the answer.
            (
                note("await io.emit('noted', text.upper())"),
                'the server should have called "check" of bob, but it did not ask',
            ),
            (
                note("await io.emit('noted', text.upper() + ' 417')", before="import random"),
                "but it did not ask",
            ),
            (  # asks, and does not care
                note(
                    "async with turns[sid]:", inside, noted.replace("checked", "text"), before=locks
                ),
                'answered "check" with "HELLO',
            ),
            (
                note(
                    "async with turns[sid]:",
                    "    checked = await io.call('check', to=sid)",
                    noted,
                    before=locks,
                ),
                'should have called "check" of bob with "hello", but with it came nothing',
            ),
            (
                note("await io.emit('noted', await io.call('chek', text, to=sid))"),
                'should have called "check" of bob, but what came is "chek"',
            ),
            (
                note(
                    "q.put_nowait((sid, text))",
                    "if not tasks:",
                    "    tasks.append(asyncio.create_task(work()))",
                    before="q, tasks = asyncio.Queue(), []\n"
                    "    async def work():\n"
                    "        while True:\n"
                    "            sid, text = await q.get()\n"
                    "            await io.emit('noted', await io.call('check', text, to=sid))\n",
                ),
                "While the server waited for bob's answer, alice's note should have come out",
            ),
            (  # always the same participant
                note(
                    "first.append(sid)",
                    "async with turns[sid]:",
                    "    checked = await io.call('check', text, to=first[0])",
                    noted,
                    before=f"first = []; {locks}",
                ),
                'should have called "check" of alice, but it called that of bob',
            ),
            (  # not asked again
                note(
                    "async with turns[sid]:",
                    "    if text not in known:",
                    "        known[text] = await io.call('check', text, to=sid)",
                    "    await io.emit('noted', known[text])",
                    before=f"known = {{}}; {locks}",
                ),
                'should have called "check" of alice, but it did not ask',
            ),
            (  # in order for as long as nobody is slow
                note(
                    "count[sid] += 1",
                    "for _ in range(10 * count[sid]):",
                    "    await io.call('nod', to=sid)  # a round trip",
                    "await io.emit('noted', await io.call('check', text, to=sid))",
                    before="count = defaultdict(int)",
                ),
                "with slow, next and took time to answer the first",
            ),
            (  # takes the lock away while others wait for it
                note("async with turns[sid]:", inside, noted, "turns.pop(sid, None)", before=locks),
                "with the answers for slow, last, next",
            ),
            (
                note(
                    "async with turns[sid]:",
                    inside,
                    noted,
                    "if not turns[sid].locked():",
                    "    turns[sid] = asyncio.Lock()",
                    before=locks,
                ),
                "with the answers for slow, last, next",
            ),
            (  # the second and all later clients share a lock; then the third and later
                note(
                    "async with turns.setdefault(sid, locks[min(len(turns), 1)]):",
                    inside,
                    noted,
                    before="turns, locks = {}, [asyncio.Lock() for _ in range(2)]",
                ),
                "While the server waited for carol's answer, dave's note should have come out",
            ),
            (
                note(
                    "async with turns.setdefault(sid, locks[min(len(turns), 2)]):",
                    inside,
                    noted,
                    before="turns, locks = {}, [asyncio.Lock() for _ in range(3)]",
                ),
                "While the server waited for carol's answer, dave's note should have come out",
            ),
            (  # no note where the answer is empty
                note(
                    "async with turns[sid]:",
                    inside,
                    "    if checked:",
                    f"    {noted}",
                    before=locks,
                ),
                'answered "check" with "", alice, bob and erin should have heard "noted"',
            ),
            (
                note("io.call('check', text, to=sid)", "await io.emit('noted', text)"),
                "`io.call(...)` was not awaited",
            ),
        ],
        right=[
            # A queue with a worker for each socket.
            note(
                "if sid not in queues:",
                "    queues[sid] = asyncio.Queue()",
                "    workers.append(asyncio.create_task(work(sid, queues[sid])))",
                "queues[sid].put_nowait(text)",
                before="queues, workers = {}, []\n"
                "    async def work(sid, queue):\n"
                "        while True:\n"
                "            text = await queue.get()\n"
                "            await io.emit('noted', await io.call('check', text, to=sid))\n",
            ),
            # The same, with a worker that ends when there is nothing left to do.
            note(
                "waiting[sid].append(text)",
                "if len(waiting[sid]) == 1:",
                "    io.start_background_task(work, sid)",
                before="waiting = defaultdict(list)\n"
                "    async def work(sid):\n"
                "        while waiting[sid]:\n"
                "            checked = await io.call('check', waiting[sid][0], to=sid)\n"
                "            await io.emit('noted', checked)\n"
                "            waiting[sid].pop(0)\n",
            ),
            # A chain of tasks: each waits for the one before.
            note(
                "last[sid] = asyncio.create_task(after(last.get(sid), sid, text))",
                before="last = {}\n"
                "    async def after(before, sid, text):\n"
                "        if before:\n"
                "            await before\n"
                "        await io.emit('noted', await io.call('check', text, to=sid))\n",
            ),
            # The event's name is in the method's.
            (
                "import asyncio\n"
                "import socketio\n"
                "class Notes(socketio.AsyncNamespace):\n"
                "    turns = {}\n"
                "    async def on_note(self, sid, text):\n"
                "        async with self.turns.setdefault(sid, asyncio.Lock()):\n"
                "            checked = await self.server.call('check', text, sid=sid)\n"
                "            await self.emit('seen', text, room=sid)\n"
                "            await self.emit('noted', checked)\n"
                "def answer(io):\n"
                "    io.register_namespace(Notes('/'))\n"
            ),
            # State of the module's, a Semaphore, a helper, and the callback of emit.
            (
                "import asyncio\n"
                "TURNS = {}\n"
                "async def ask(io, sid, text):\n"
                "    came = asyncio.get_running_loop().create_future()\n"
                "    await io.emit('check', text, to=sid, callback=came.set_result)\n"
                "    return await came\n"
                "async def answer(io):\n"
                "    async def note(sid, text):\n"
                "        async with TURNS.setdefault((id(io), sid), asyncio.Semaphore(1)):\n"
                "            await io.emit('noted', (await ask(io, sid, text),))\n"
                "    io.on('note', handler=note)\n"
            ),
            # All are asked at once, and the answers wait for their turn.
            note(
                "before, last[sid] = last.get(sid), asyncio.Event()",
                "mine = last[sid]",
                checked,
                "if before: await before.wait()",
                "await io.emit('noted', checked)",
                "mine.set()",
                before="last = {}",
            ),
            # The lock goes when nobody needs it any more.
            note(
                "turn = turns.get(sid) or asyncio.Lock()",
                "turns[sid] = turn",
                "async with turn:",
                inside,
                noted,
                before="from weakref import WeakValueDictionary; turns = WeakValueDictionary()",
            ),
            note(
                "async with io.session(sid) as session:",
                "    turn = session.setdefault('turn', asyncio.Lock())",
                "async with turn:",
                inside,
                noted,
            ),
        ],
    )


async def test_07_4(check_exercise):
    all_, some, none = "['alice', 'bob', 'carol']", "['bob', 'carol']", "[]"
    others = "['alice', 'carol']"
    await check_exercise(
        exercise("07.4"),
        wrong=[
            (guess(some, others, none, all_, some), "alice heard it, and your guess leaves"),
            (guess(all_, none, none, all_, some), "An error takes nothing back"),
            (guess(all_, "['alice', 'bob', 'carol']", none, all_, some), "bob did not hear it"),
            (guess(all_, others, all_, all_, some), "A list is one argument"),
            (guess(all_, others, "['carol']", all_, some), "gets none"),
            (guess(all_, others, none, "['alice', 'bob']", some), "Nothing raises"),
            (guess(all_, others, none, all_, none), 'but that is after "ordered"'),
            (guess(all_, others, none, all_, "['bob', 'carol', 'dave']"), "names 'dave'"),
            (guess(all_, others, none, all_, all_), "alice did not hear it"),
        ],
        right=[
            guess("('alice', 'bob', 'carol')", "('alice', 'carol')", "()", all_, some),
            guess("'everyone'", others, "'nobody'", "'everyone'", some),
            guess("{'carol', 'bob', 'alice'}", others, "None", all_, "{'bob', 'carol'}"),
            guess(all_, "'alice carol'", "''", "'alice, bob, carol'", "'bob and carol'"),
            guess("['carol', 'bob', 'alice']", "'carol and alice'", none, all_, "('carol', 'bob')"),
        ],
    )


async def test_07_5(check_exercise):
    baking, baked = "await io.emit('baking', what)", "await io.emit('baked', what)"
    waits = 'was answered only after "baked" had come'
    await check_exercise(
        exercise("07.5"),
        wrong=[
            (bakery(baking, "time.sleep(0.2)", "await asyncio.sleep(0)", baked), waits),
            (bakery(baking, "await asyncio.sleep(0)", "time.sleep(0.2)", baked), waits),
            (  # only the name has changed
                bakery(
                    baking,
                    "await oven()",
                    baked,
                    before="async def oven(): time.sleep(0.2)",
                ),
                waits,
            ),
            (
                bakery(
                    "async def work():",
                    f"    {baking}",
                    "    time.sleep(0.2)",
                    f"    {baked}",
                    "asyncio.create_task(work())",
                ),
                waits,
            ),
            (bakery(baking, "asyncio.sleep(0.2)", baked), "`asyncio.sleep(...)` was not awaited"),
            (bakery(baking, baked), '"baked" came at once. The oven takes 0.2 s'),
            (bakery(baking, "await asyncio.sleep(0)", baked), '"baked" came at once'),
            (
                bakery("await asyncio.sleep(0.2)", baking, baked),
                waits,
            ),
            (
                bakery("await asyncio.sleep(0.2)", baked),
                'alice and bob should each have heard "baking" once',
            ),
            (
                bakery(baking, "await asyncio.sleep(0.2)"),
                'alice and bob should each have heard "baked" once',
            ),
            (
                bakery(baking, "await asyncio.sleep(0.2)", "await io.emit('baked')"),
                '"baked" should have carried "bread", but it carried nothing',
            ),
            (
                bakery(baking, "await asyncio.sleep(0.2)", "await io.emit('baked', what, to=sid)"),
                'alice and bob should each have heard "baked" once',
            ),
            (bakery(baking, "await time.sleep(0.2)", baked), "Your code raised TypeError"),
            # Time for Bob, and then for nobody; or the other way round.
            (
                bakery_that_knows_when_it_has_answered(
                    baking, "await answered()", "time.sleep(0.2)", baked
                ),
                "was answered in time, but the server stood still for a while",
            ),
            (
                bakery_that_knows_when_it_has_answered(
                    baking,
                    "time.sleep(0.11)",
                    "await answered()",
                    "await asyncio.sleep(0.11)",
                    baked,
                ),
                "was answered in time, but the server stood still for a while",
            ),
            (  # time for most
                bakery_that_knows_when_it_has_answered(
                    baking,
                    "await answered()",
                    "await asyncio.sleep(0.14)",
                    "time.sleep(0.06)",
                    baked,
                ),
                "was answered in time, but the server stood still for a while",
            ),
            (  # the loop itself calls what blocks it
                bakery_that_knows_when_it_has_answered(
                    baking,
                    "await answered()",
                    "asyncio.get_running_loop().call_soon(time.sleep, 0.25)",
                    "await asyncio.sleep(0.15)",
                    baked,
                ),
                "was answered in time, but the server stood still for a while",
            ),
            (  # two orders share a variable
                bakery(
                    "nonlocal order",
                    "order = what",
                    "await io.emit('baking', order)",
                    "await asyncio.sleep(0.2)",
                    "await io.emit('baked', order)",
                    before="order = None",
                ),
                '"baked" should have come once for each, but alice heard it with "pizza", "pizza"',
            ),
            (  # or those of one client do
                bakery(
                    "order[sid] = what",
                    baking,
                    "await asyncio.sleep(0.2)",
                    "await io.emit('baked', order[sid])",
                    before="order = {}",
                ),
                '"baked" should have come once for each, but alice heard it with "pizza", "buns"',
            ),
            (  # a loop of its own
                bakery(
                    baking,
                    "def work():",
                    "    time.sleep(0.2)",
                    f"    asyncio.run({baked.removeprefix('await ')})",
                    "Thread(target=work).start()",
                ),
                '"baked" was emitted from another event loop than the server',
            ),
            (
                bakery(
                    baking,
                    "tasks.append(asyncio.create_task(finish(what)))",
                    before="tasks = []\n"
                    "    async def finish(what):\n"
                    "        await asyncio.sleep(9)\n"
                    f"        {baked}\n",
                ),
                'should each have heard "baked" once, within a second',
            ),
            (
                bakery(baking, "await asyncio.sleep(0.2)", baked).replace("'yes'", "'no'"),
                "should have been \"yes\", as before, but it was 'no'",
            ),
            ("def answer(io): pass", 'sent "bake", and the server has no handler for it.'),
            (bakery("pass"), 'should each have heard "baking" once, within a second. What happe'),
            (  # the oven is hot for whatever comes next
                bakery(
                    baking,
                    "orders.append(what)",
                    "if what == orders[0]:",
                    "    await asyncio.sleep(0.2)",
                    baked,
                    before="orders = []",
                ),
                'with "cake" and then with "pie", "baked" came at once',
            ),
        ],
        right=[
            bakery(baking, "await io.sleep(0.2)", baked),
            bakery(
                baking,
                "with ThreadPoolExecutor() as pool:",
                "    await asyncio.wrap_future(pool.submit(time.sleep, 0.2))",
                baked,
            ),
            bakery(
                baking,
                "for _ in range(20):",
                "    await asyncio.sleep(0.01)",
                "print('ping')",
                baked,
            ),
            # A thread that hands it back to the server's loop.
            bakery(
                baking,
                "loop = asyncio.get_running_loop()",
                "def work():",
                "    time.sleep(0.2)",
                "    asyncio.run_coroutine_threadsafe(io.emit('baked', what), loop)",
                "Thread(target=work).start()",
            ),
            # The rest is done in the background.
            bakery(
                "async def work():",
                f"    {baking}",
                "    await asyncio.sleep(0.25)",
                f"    {baked}",
                "io.start_background_task(work)",
            ),
            bakery(
                baking,
                "loop = asyncio.get_running_loop()",
                "emit = lambda: tasks.append(asyncio.create_task(io.emit('baked', what)))",
                "loop.call_later(0.2, emit)",
                before="tasks = []",
            ),
            # One oven: who comes next waits for it, and nobody else does.
            bakery(
                "async with oven:",
                f"    {baking}",
                "    try:",
                "        await asyncio.wait_for(asyncio.Event().wait(), 0.2)",
                "    except TimeoutError:",
                f"        {baked}",
                "await io.emit('oven', 'free')",
                before="oven = asyncio.Lock()",
            ),
        ],
    )


async def test_07_5_draws_the_bug_and_its_repair():
    repair = exercise("07.5")
    before, after = [
        str(await repair.picture(function(source)))
        for source in (repair.starter, repair.solution_text)
    ]
    assert before.index("baked") < before.index("open?")
    assert after.index("open?") < after.index("baked")


async def test_07_5_does_not_blame_who_waits_for_a_thread_to_start(monkeypatch):
    class Late(threading.Thread):
        # There is no public way to begin late: `start` waits for what this does.
        def _bootstrap(self):
            if self.name == "oven":
                time.sleep(0.15)
            super()._bootstrap()

    assert hasattr(threading.Thread, "_bootstrap"), "a thread begins in another way now"
    monkeypatch.setattr(threading, "Thread", Late)
    source = bakery(
        "await io.emit('baking', what)",
        "loop = asyncio.get_running_loop()",
        "def work():",
        "    time.sleep(0.2)",
        "    asyncio.run_coroutine_threadsafe(io.emit('baked', what), loop)",
        "Thread(target=work, name='oven').start()",
    )
    verdict = await exercise("07.5").judge(function(source))
    assert verdict.kind == "right", verdict.message
