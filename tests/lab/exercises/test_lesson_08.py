from chatlib.lab import exercise
from support.exercise_checks import function
from support.waiting import threads_end


def client(*body, before="key = str(uuid.uuid4())"):
    lines = "\n".join(f"    {line}" for line in body)
    return (
        "import itertools, uuid\nimport socketio\n"
        "Timeout = socketio.exceptions.TimeoutError\nnumbers = itertools.count()\n"
        f"async def answer(client, text):\n    {before}\n{lines}\n"
    )


def again_and_again(call, before="key = str(uuid.uuid4())", times="itertools.count()"):
    return client(
        f"for number in {times}:",
        "    try:",
        f"        return await {call}",
        "    except Timeout:",
        "        pass",
        before=before,
    )


def server(*body, before="keys = set()"):
    lines = "\n".join(f"        {line}" for line in body)
    return (
        f"def answer(io):\n    {before}\n    @io.on('message')\n"
        f"    async def message(sid, data):\n{lines}\n"
    )


def receiver(*body, returns="lambda: seen", seen="{'userId': 'bob', 'offset': 0}", more=""):
    lines = "\n".join(f"        {line}" for line in body)
    return (
        f"def answer(bob, heard):\n    seen = {seen}\n    @bob.on('recieve-message')\n{more}"
        f"    async def message(data):\n{lines}\n    return {returns}\n"
    )


def member(*body, returns="lambda: seen, lambda: in_room"):
    """Return the source of a receiver for 08.5, with handlers as given."""
    lines = "\n".join(f"    {line}" for line in body)
    return (
        "def answer(bob, heard, room):\n    seen = {'userId': 'bob', 'offset': 0}\n"
        f"    in_room = {{'room': room, 'offset': 0}}\n{lines}\n    return {returns}\n"
    )


def note(*body):
    """Return the lines of one handler for both events, for `member`."""
    return (
        "@bob.on('recieve-message')",
        "@bob.on('single-message')",
        "async def note(data):",
        "    heard.append(data['text'])",
        *[f"    {line}" for line in body],
    )


async def test_08_1(check_exercise):
    call = "client.call('message', {'text': text, 'key': key}, timeout=0.1)"
    await check_exercise(
        exercise("08.1"),
        [
            (
                client(f"return await {call}"),
                "the server lost a message, the function raised. It should have sent once more",
            ),
            (
                client(
                    *("while True:", "    try:", f"        return await {call}"),
                    *("    except TimeoutError:", "        pass"),  # Python's own
                ),
                "the server lost a message, the function raised. It should have sent once more",
            ),
            (
                client("try:", f"    return await {call}", "except Timeout:", "    return None"),
                "the server lost a message, the function returned and should have sent once more",
            ),
            (
                again_and_again(call, times="range(2)"),
                "lost 2 messages, the function returned and should have sent once more",
            ),
            (
                again_and_again(call, times="range(4)"),  # as JavaScript's `retries: 3`
                "lost an answer and then 3 messages, the function returned and should have sent",
            ),
            (
                again_and_again(call, times="range(10)"),
                "lost an answer and then 9 messages, the function returned and should have sent",
            ),
            (
                again_and_again(call, times="range(40)"),
                "lost an answer and then 39 messages, the function returned and should have sent",
            ),
            # A key of the client's own, or one that all calls under way have in common.
            (
                again_and_again(
                    call,
                    before="key = counts[client] = counts.get(client, 0) + 1",
                ).replace("async def", "counts = {}\nasync def"),
                'The text "bye" was sent with a key that another message had',
            ),
            (
                again_and_again(
                    call.replace("'key': key", "'key': latest[-1]"),
                    before="latest.append(str(uuid.uuid4()))",
                ).replace("async def", "latest = []\nasync def"),
                'The text "bye" was sent with a key that another message had',
            ),
            (
                again_and_again(call.replace("key}", "str(uuid.uuid4())}")),
                "lost an answer, the next attempt had another key: the message is doubled",
            ),
            (
                again_and_again(call.replace("key}", "next(numbers)}")),
                "the message is doubled",
            ),
            (
                again_and_again(call, before="key = text"),
                'The text "hi" was sent with a key that another message had',
            ),
            (
                again_and_again(call, before="key = client.name"),
                'The text "hi" was sent with a key that another message had',
            ),
            (
                again_and_again(call.replace("'text': text", "'text': 'hi'")),
                "The text should have been \"bye\", but it was 'hi'",
            ),
            (
                again_and_again(call.replace(", 'key': key", "")),
                "a text and a key, but it was {'text': 'hi'}",
            ),
            (
                again_and_again("client.call('message', text, timeout=0.1)"),
                "a text and a key, but it was 'hi'",
            ),
            (
                again_and_again(call, before="key = uuid.uuid4().hex, 1"),
                "A key should have been a text or a number",
            ),
            (
                client("await client.emit('message', {'text': text, 'key': key})"),
                "the server lost a message, the function returned and should have sent once more",
            ),
            (
                client("client.emit('message', {'text': text, 'key': key})"),
                "`client.emit(...)` was not awaited",
            ),
            (
                again_and_again(call.replace("timeout=0.1", "timeout=5")),
                "An attempt had 5 seconds to be answered. Each should have had a tenth of a second",
            ),
            (
                again_and_again(call.replace("timeout=0.1", "timeout=0.3")),
                "An attempt had 0.3 seconds to be answered",
            ),
            (
                again_and_again(call.replace("timeout=0.1", "timeout=0.05")),
                "An attempt had 0.05 seconds to be answered",
            ),
            (
                again_and_again(call.replace(", timeout=0.1", "")),
                "An attempt had more time to be answered. Each should have had a tenth of a second",
            ),
            # A limit of Python's around a call that has none, or more.
            *(
                (
                    client(
                        "while True:",
                        f"    try: return await asyncio.wait_for({waiting}, {limit})",
                        "    except TimeoutError: pass",
                        before="import asyncio; key = str(uuid.uuid4())",
                    ),
                    "An attempt had more time to be answered. Each should have had a tenth",
                )
                for waiting, limit in (
                    (call.replace(", timeout=0.1", ""), 0.2),
                    (call.replace("0.1", "5"), 0.35),
                )
            ),
            (
                client(
                    "while not came.is_set():",
                    "    await client.emit('message', data, callback=lambda _: came.set())",
                    "    await asyncio.sleep(0.02)",
                    before="import asyncio; came = asyncio.Event(); "
                    "data = {'text': text, 'key': str(uuid.uuid4())}",
                ),
                "the attempts came one upon the other",
            ),
            (
                again_and_again("client.call('message', (text, key), timeout=0.1)"),
                "A message should have had a text and a key, but it was ('hi', ",
            ),
            (
                again_and_again(call).replace("return await", "return"),
                "`client.call(...)` was not awaited",
            ),
            (
                again_and_again(call.replace("timeout=0.1", "timeout=0.001")),
                "An attempt had 0.001 seconds to be answered. Each should have had a tenth of a",
            ),
            (
                client("while True:", f"    try: await {call}", "    except Timeout: pass"),
                "the next attempt was acknowledged, and 10 more came. An acknowledgement is the",
            ),
            (
                again_and_again(call.replace("'message'", "'mesage'")),
                'alice sent "mesage", and the server has no handler for it',
            ),
            (client("return {'ok': True}"), "The server got no message"),
            (
                client(
                    "for _ in range(7):",
                    "    await client.emit('message', {'text': text, 'key': key})",
                    "    await asyncio.sleep(0.06)",
                    before="import asyncio; key = str(uuid.uuid4())",
                ),
                "the next attempt was acknowledged, and 5 more came",
            ),
            (
                client(
                    "for _ in range(7):",
                    "    await client.emit('message', {'text': text, 'key': key})",
                    "    time.sleep(0.06)",
                    before="import time; key = str(uuid.uuid4())",
                ),
                "the next attempt was acknowledged, and 5 more came",
            ),
        ],
        [
            # One that ends the attempt's task.
            client(
                "while True:",
                "    attempt = asyncio.create_task(client.call('message', data))",
                "    done, _ = await asyncio.wait([attempt], timeout=0.1)",
                "    if done: return attempt.result()",
                "    attempt.cancel()",
                before="import asyncio; data = {'text': text, 'key': uuid.uuid4().hex}",
            ),
            # Numbers from a counter of the module's, the first of which is 0.
            again_and_again(
                call.replace("'key': key", "'key': key, 'attempt': number"),
                before="key = next(numbers)",
            ),
            # Longer and longer between two attempts.
            client(
                "for number in itertools.count():",
                "    try:",
                "        async with asyncio.timeout(0.1):",
                "            return await client.call('message', {'text': text, 'key': key})",
                "    except TimeoutError:",
                "        await asyncio.sleep(0.01 * number)",
                before="import asyncio; key = uuid.uuid4().int",
            ),
            # Recursion.
            (
                "import uuid, socketio\n"
                "async def attempt(client, data):\n"
                "    try:\n"
                "        return await client.call('message', data, None, 0.1)\n"
                "    except socketio.exceptions.TimeoutError:\n"
                "        return await attempt(client, data)\n"
                "async def answer(client, text):\n"
                "    return await attempt(client, dict(text=text, key=uuid.uuid4().hex))\n"
            ),
            # An emission with a callback, and a future that waits for it.
            client(
                "while True:",
                "    came = asyncio.get_running_loop().create_future()",
                "    def done(ack): came.done() or came.set_result(ack)",
                "    await client.emit('message', {'text': text, 'key': key}, callback=done)",
                "    try:",
                "        return await asyncio.wait_for(came, 0.1)",
                "    except asyncio.TimeoutError:",
                "        print('once more')",
                before="import asyncio; key = uuid.uuid4().hex",
            ),
            # A class that knows what it has still to send, and numbers kept in the module.
            (
                "import itertools, socketio\n"
                "class Outbox:\n"
                "    numbers = itertools.count(1)\n"
                "    def __init__(self, client):\n"
                "        self.client = client\n"
                "    async def send(self, text):\n"
                "        self.data = {'key': next(self.numbers), 'text': text}\n"
                "        while not await self.try_once(): pass\n"
                "    async def try_once(self):\n"
                "        try:\n"
                "            await self.client.call('message', self.data, timeout=0.1)\n"
                "        except socketio.exceptions.SocketIOError:\n"
                "            return False\n"
                "        return True\n"
                "async def answer(c, words):\n"
                "    await Outbox(c).send(words)\n"
            ),
            # An answer to an earlier attempt is one, too.
            client(
                "attempts, done = [], ()",
                "while not done:",
                "    attempts.append(asyncio.ensure_future(client.call('message', data)))",
                "    done, rest = await asyncio.wait(",
                "        attempts, timeout=0.1, return_when='FIRST_COMPLETED')",
                "for attempt in rest: attempt.cancel()",
                before="import asyncio; data = {'text': text, 'key': uuid.uuid4().hex}",
            ),
            # In the background.
            client(
                "async def send():",
                f"    try: await {call}",
                "    except Timeout: tasks.append(asyncio.create_task(send()))",
                "tasks.append(asyncio.create_task(send()))",
                before="import asyncio; tasks = []; key = str(uuid.uuid1())",
            ),
            # In a task of its own.
            client(
                "async def send():",
                "    ok = False",
                "    while not ok:",
                "        try:",
                f"            ok = (await {call})['ok']",
                "        except Timeout as error:",
                "            print(error)",
                "await asyncio.create_task(send())",
                before="import asyncio, secrets; key = secrets.token_hex()",
            ),
        ],
    )


async def test_08_2(check_exercise):
    once = ("if data['key'] not in keys:", "    keys.add(data['key'])")
    emit = "    await io.emit('news', data['text'])"
    good = "return {'ok': True}"
    await check_exercise(
        exercise("08.2"),
        [
            (
                server(emit.strip(), good),
                "the same key, alice and bob should not have heard",
            ),
            (
                server(once[0], emit, once[1], good),  # noted after the `await`
                'at once with the same new key, alice and bob heard "news" more than once',
            ),
            # As short as an `await` can be.
            (
                server(once[0], "    await io.sleep(0)", once[1], emit, good),
                'at once with the same new key, alice and bob heard "news" more than once',
            ),
            # One at a time, on each connection.
            (
                server(
                    "async with turns.setdefault(sid, asyncio.Lock()):",
                    *(f"    {line}" for line in (once[0], emit, once[1], good)),
                    before="turns, keys = {}, set()",
                ).replace("def answer", "import asyncio\ndef answer", 1),
                'at once with the same new key, alice and bob heard "news" more than once',
            ),
            # Busy with one message, it drops the others.
            (
                server(
                    "if not busy and data['key'] not in keys:",
                    "    busy.append(sid)",
                    emit,
                    once[1],
                    "    busy.clear()",
                    good,
                    before="keys, busy = set(), []",
                ),
                "12 messages at once, each with a key of its own, everyone should have heard",
            ),
            (
                server(
                    "if (key := data['key'].lower()) not in keys:", "    keys.add(key)", emit, good
                ),
                "another key, which makes it another message, alice and bob should have heard",
            ),
            # The key 0, or an empty one, for none.
            (
                server(f"if data['key'] and {once[0][3:]}", once[1], emit, good),
                "the key 0, which is a key, too, alice and bob should have heard",
            ),
            (
                server(f"if not data['key'] or {once[0][3:]}", once[1], emit, good),
                "the key 0 again, alice and bob should not have heard",
            ),
            # It forgets, or takes keys for the same that begin alike.
            (
                server(
                    once[0],
                    "    keys.append(data['key'])",
                    emit,
                    good,
                    before="from collections import deque; keys = deque(maxlen=10)",
                ),
                "the first key, after 12 others, erin and frank should not have heard",
            ),
            (
                server(
                    "if data['key'][:8] not in keys:",
                    "    keys.add(data['key'][:8])",
                    emit,
                    good,
                ),
                "at once with the same new key, alice and bob should have heard",
            ),
            (
                server(*once, emit, "return {'ok': 1}"),
                "alice got {'ok': 1}",
            ),
            (
                server(once[0], "    await asyncio.sleep(0.1)", once[1], emit, good).replace(
                    "def answer", "import asyncio\ndef answer", 1
                ),
                "at once with the same new key, alice and bob heard",
            ),
            (
                server(*once, emit, f"    {good}"),
                'should have got {"ok": True}, or would try again for ever. alice got None',
            ),
            (
                server(*once, emit, f"    {good}", "return {'ok': False}"),
                "alice got {'ok': False}",
            ),
            (
                server("if data['text'] not in keys:", "    keys.add(data['text'])", emit, good),
                "which makes it another message, alice and bob should have heard",
            ),
            (
                server(
                    "if data['key'] not in keys:",
                    "    keys.clear()",
                    "    keys.add(data['key'])",
                    emit,
                    good,
                ),
                "the first key, after 12 others, erin and frank should not have heard",
            ),
            (
                server("if sid not in keys:", "    keys.add(sid)", emit, good),
                "the same key, on a new connection, alice and bob should not",
            ),
            (
                server(
                    "if (sid, data['key']) not in keys:",
                    "    keys.add((sid, data['key']))",
                    emit,
                    good,
                ),
                "the same key, on a new connection, alice and bob should not have heard",
            ),
            (
                server(
                    "if (data['text'], data['key']) not in keys:",
                    "    keys.add((data['text'], data['key']))",
                    emit,
                    good,
                ),
                "a key that another text had before, so that it is known, alice and bob should not",
            ),
            (
                server(*once, "    await io.emit('news', data['text'], skip_sid=sid)", good),
                'alice should have heard "news"',
            ),
            (
                server(*once, "    await io.emit('news', data)", good),
                'should have carried "one", but it carried {"text": "one", "key": ',
            ),
            (
                server(*once, "    await io.emit('news', 'one')", good),
                'should have carried "three", but it carried "one"',
            ),
            (server(*once, "    io.emit('news', data['text'])", good), "was not awaited"),
            (server(good), "Nobody did"),
            (
                server(*once, emit, good).replace("'message'", "'mesage'"),
                'the server has no handler for it; it has one for "mesage"',
            ),
        ],
        [
            server(*once, "    io.start_background_task(io.emit, 'news', data['text'])", good),
            # An empty text is no key, as in 08.1 and for the chat: nobody sends one.
            server(f"if data['key'] != '' and {once[0][3:]}", once[1], emit, good),
            # Keys kept in the module, and a helper.
            (
                "keys = []\n"
                "def is_new(key):\n"
                "    if key in keys: return False\n"
                "    keys.append(key)\n"
                "    return True\n"
                "def answer(server):\n"
                "    async def heard(who, what):\n"
                "        key, text = what['key'], what['text']\n"
                "        if is_new(key): await server.emit(event='news', data=text)\n"
                "        return dict(ok=True)\n"
                "    server.on('message', heard)\n"
            ),
            # One at a time.
            (
                "import asyncio\n"
                "def answer(io):\n"
                "    keys, turn = {}, asyncio.Lock()\n"
                "    @io.event\n"
                "    async def message(sid, data):\n"
                "        async with turn:\n"
                "            if data['key'] not in keys:\n"
                "                await io.emit('news', data['text'])\n"
                "                keys[data['key']] = {'ok': True}\n"
                "        return keys[data['key']]\n"
            ),
            # In a class, and more than was asked for.
            (
                "import socketio\n"
                "class Chat(socketio.AsyncNamespace):\n"
                "    keys = set()\n"
                "    async def on_message(self, sid, data):\n"
                "        await self.emit('typing', sid)\n"
                "        if (key := data['key']) in self.keys: return {'ok': True}\n"
                "        self.keys |= {key}\n"
                "        await self.emit('news', data['text'])\n"
                "        return {'ok': True}\n"
                "def answer(io):\n"
                "    io.register_namespace(Chat('/'))\n"
            ),
            # A queue with a worker.
            (
                "import asyncio\n"
                "def answer(io):\n"
                "    keys, todo = set(), asyncio.Queue()\n"
                "    async def work():\n"
                "        while True:\n"
                "            data = await todo.get()\n"
                "            if data['key'] not in keys:\n"
                "                await io.emit('news', data['text'])\n"
                "                keys.add(data['key'])\n"
                "    worker = asyncio.create_task(work())\n"
                "    @io.on('message')\n"
                "    def message(sid, data):\n"
                "        todo.put_nowait(data)\n"
                "        return {'ok': True, **({} if worker else {})}\n"
            ),
            # The second attempt waits for the first.
            (
                "import asyncio\n"
                "tasks = {}\n"
                "def answer(io):\n"
                "    @io.on('message')\n"
                "    async def message(sid, data):\n"
                "        key = data['key']\n"
                "        if key not in tasks:\n"
                "            tasks[key] = asyncio.create_task(io.emit('news', data['text']))\n"
                "        await tasks[key]\n"
                "        return {'ok': True}\n"
            ),
        ],
    )


async def test_08_2_is_right_again_where_it_remembers_the_last_check():
    answer = function(
        "keys = set()\n"
        + server(
            "if data['key'] not in keys:",
            "    keys.add(data['key'])",
            "    await io.emit('news', data['text'])",
            "return {'ok': True}",
            before="...",
        )
    )
    for _ in range(2):
        assert (await exercise("08.2").judge(answer)).kind == "right"


async def test_08_3(check_exercise):
    append = "heard.append(data['text'])"
    note_id = "seen['offset'] = data['id']"
    both = "    @bob.on('single-message')\n"
    public = "if 'user' not in data and 'room' not in data: heard.append(data['text'])"
    await check_exercise(
        exercise("08.3"),
        [
            (receiver(append), "had missed two, the list heard should have been"),
            (
                receiver(append, seen="{'userId': 'bob'}"),
                "heard nothing, and missed the first message of all, the list heard should have",
            ),
            (receiver(append, note_id, returns="seen"), "should have returned a function"),
            (
                receiver(append, note_id, returns="lambda: {'offset': seen['offset']}"),
                "should have had a userId",
            ),
            (
                receiver(append, "seen['offset'] += 1"),
                "but it was ['one', 'two', 'two', 'two', 'three', 'one']",
            ),
            (
                receiver(append, "seen['offset'] = data['id'] + 1"),
                "but it was ['one', 'two', 'two', 'one']",
            ),
            (
                receiver(append, "seen['offset'] = data['id'] - 1"),
                "but it was ['one', 'two', 'two', 'two', 'three', 'one']",
            ),
            (
                receiver(note_id, returns="lambda: seen"),
                "When bob had heard nothing, and missed the first message of all",
            ),
            (
                receiver("heard.append(data)", note_id),
                "the first message of all, there was more in the list heard than texts.",
            ),
            (
                receiver(append, "if not seen['offset']: seen['offset'] = data['id']"),
                "but it was ['one', 'two', 'two', 'two', 'two', 'three', 'one']",
            ),
            # Equal texts dropped, and everything replayed each time.
            (
                receiver(f"if data['text'] not in heard: {append}"),
                "the same text once more, which is another message, the list heard should have",
            ),
            (
                receiver(
                    "if data['id'] not in seen['ids']:",
                    f"    {append}",
                    "    seen['ids'].append(data['id'])",
                    seen="{'userId': 'bob', 'offset': 0, 'ids': []}",
                ),
                "the server sent him again what he had: 3 messages",
            ),
            # The offset of what is kept too late, at the end of a connection.
            (
                receiver(
                    "if (data['text'], data['id']) not in got:",
                    f"    {append}",
                    "got.append((data['text'], data['id']))",
                    "seen['offset'] = max(0, data['id'] - 1)",
                ).replace("def answer", "got = []\ndef answer"),
                "the server sent him again what he had: 1 message.",
            ),
            # By one event only, with both kept.
            (
                receiver(append, "if 'user' not in data: seen['offset'] = data['id']", more=both),
                "'in there', which was for him alone, came twice",
            ),
            # One offset for each Bob there ever was.
            (
                receiver(append, note_id, seen="shared").replace(
                    "def answer", "shared = {'userId': 'bob', 'offset': 0}\ndef answer"
                ),
                "When another bob had heard nothing, and missed the first message of all, the list",
            ),
            # An offset noted so late that the wire may break before.
            (
                receiver(
                    append,
                    "async def later():",
                    "    await asyncio.sleep(0.2)",
                    f"    {note_id}",
                    "tasks.append(asyncio.create_task(later()))",
                ).replace("def answer", "import asyncio\ntasks = []\ndef answer"),
                "the list heard should have been",
            ),
            # The room's messages are older, and move it back.
            (
                receiver(append, note_id, more=both),
                "an older message to his room last, and was back once more, the list heard",
            ),
            (receiver(append, note_id, returns="lambda: None"), "it was None"),
            (
                receiver(append, "seen['offset'] = str(data['id'])"),
                "'offset': '5'}. An offset is a number: the id of a message, or 0",
            ),
            ("def answer(bob, heard):\n    return lambda: {'userId': 'bob'}\n", "had heard"),
            # An offset only once there is one: what he misses before that is lost.
            (
                receiver(
                    append,
                    "seen.update(offset=data['id'])",
                    seen="{'userId': 'bob'}",
                ),
                "had heard nothing, and missed the first message of all, the list heard should",
            ),
            (
                receiver(append, note_id, seen="{'userId': 'bob', 'offset': 1}"),
                "had heard nothing, and missed the first message of all, the list heard should",
            ),
        ],
        [
            receiver(append, "if 'room' not in data: seen['offset'] = data['id']", more=both),
            receiver(append, "seen['offset'] = max(seen['offset'], data['id'])", more=both),
            receiver(
                "if data['id'] <= seen['offset']: return",
                public,
                note_id,
                more=both,
            ),
            # Noted a little later.
            receiver(
                "asyncio.get_running_loop().call_soon(heard.append, data['text'])", note_id
            ).replace("def answer", "import asyncio\ndef answer"),
            # A class, and other names.
            (
                "class Receiver:\n"
                "    def __init__(self, heard):\n"
                "        self.heard, self.auth = heard, {'userId': 'bob', 'offset': 0}\n"
                "    def on_message(self, message):\n"
                "        print('heard', message['text'])\n"
                "        self.heard += [message['text']]\n"
                "        self.auth = self.auth | {'offset': message['id']}\n"
                "    def __call__(self):\n"
                "        return self.auth\n"
                "def answer(client, messages):\n"
                "    receiver = Receiver(messages)\n"
                "    client.on('recieve-message', receiver.on_message)\n"
                "    return receiver\n"
            ),
            # A generator of ids, and an asynchronous function for auth.
            (
                "async def answer(bob, heard):\n"
                "    ids = [0]\n"
                "    @bob.on('recieve-message')\n"
                "    def _(data):\n"
                "        heard.append(data['text']); ids.append(data['id'])\n"
                "    async def auth():\n"
                "        return {'userId': 'bob', 'offset': ids[-1], 'name': 'Bob'}\n"
                "    return auth\n"
            ),
            (
                "import socketio\n"
                "def answer(bob, heard):\n"
                "    class Mine(socketio.AsyncClientNamespace):\n"
                "        last = 0\n"
                "        async def trigger_event(self, event, *args):\n"
                "            if event == 'recieve-message':\n"
                "                heard.append(args[0]['text']); self.last = args[0]['id']\n"
                "    mine = Mine('/')\n"
                "    bob.register_namespace(mine)\n"
                "    return lambda: dict(userId='bob', offset=mine.last)\n"
            ),
        ],
    )
    threads_end()


def guess(*rows):
    """Return the source of a guess, one row for each line that is asked about."""
    lines = [line.code for line in exercise("08.4").lines if line.heard is not None]
    return (
        "answer = {\n"
        + "".join(f"    {line!r}: {row},\n" for line, row in zip(lines, rows, strict=True))
        + "}\n"
    )


async def test_08_4(check_exercise):
    everyone = "['alice', 'bob', 'carol']"
    await check_exercise(
        exercise("08.4"),
        [
            (
                guess("['bob', 'carol']", [], everyone, [], "['bob', 'bob']", []),
                "alice heard it, and your guess leaves them out. It has no address",
            ),
            (
                guess(everyone, everyone, everyone, [], "['bob', 'bob']", []),
                "did not hear it, and your guess names them. The server knows this key of hers",
            ),
            (
                guess(everyone, [], [], [], "['bob', 'bob']", []),
                "A key belongs to its sender, and Carol has never used this one",
            ),
            (
                guess(everyone, [], everyone, "['bob']", "['bob', 'bob']", []),
                "bob did not hear it, and your guess names them. Bob has no socket now: it is kept",
            ),
            (
                guess(everyone, [], everyone, [], "['bob']", []),
                "bob heard it twice, not once. His offset is that of Carol's first message",
            ),
            (
                guess(everyone, [], everyone, [], ["bob"] * 4, []),
                "bob heard it twice, not 4 times",
            ),
            (
                guess(everyone, [], everyone, [], [], []),
                "bob heard it, and your guess leaves them out. His offset",
            ),
            (
                guess(everyone, [], everyone, [], "['bob', 'bob']", "['alice']"),
                "alice did not hear it, and your guess names them. Her auth has no offset",
            ),
            (guess(everyone, [], everyone, [], "['dave']", []), "names 'dave'; there are alice"),
            ("answer = ['bob']\n", "A guess is a dict"),
        ],
        [
            guess("'alice, bob and carol'", "''", "'alice bob carol'", "None", "'bob bob'", "()"),
            guess("'everyone'", "'nobody'", "'everyone'", "'nobody'", "('bob', 'bob')", "set()"),
            guess("{'carol', 'bob', 'alice'}", "[]", everyone, "{}", "['bob'] * 2", "[None]"),
            guess("{'alice': 1, 'bob': 1, 'carol': 1}", "[]", "'everyone'", "[]", "'bob, bob'", []),
            "twice = ['bob'] + ['bob']\n"
            + guess(everyone, "list()", everyone, "['nobody']", "twice", "'nobody'"),
            "import itertools\n"
            + guess(everyone, [], everyone, [], "list(itertools.repeat('bob', 2))", "['nobody']"),
        ],
    )
    threads_end()


async def test_08_5(check_exercise):
    both = "seen['offset'] = data['id']"
    own = "(in_room if 'room' in data else seen)['offset'] = data['id']"
    asks = "lambda: seen, lambda: {'room': room, 'offset': seen['offset']}"
    missed = "had missed a message to his room, and then one to everyone"
    await check_exercise(
        exercise("08.5"),
        [
            (member(*note(both, "print(data['id'])"), returns=asks), f'{missed}, "red 2" was lost'),
            # By one event only.
            (
                member(*note("if 'room' not in data and 'user' not in data:", f"    {both}")),
                f'{missed}, "early there", "green 1" and "blue 1" came twice',
            ),
            # What bob himself wrote to a user is no message to the room.
            (
                member(
                    *note(
                        "direct = data.get('user') == 'bob'",
                        "public = not {'user', 'room'} & set(data)",
                        "(seen if direct or public else in_room)['offset'] = data['id']",
                    )
                ),
                "When bob wrote to carol, and his wire broke before he had joined his",
            ),
            # One pair of offsets for each Bob there ever was.
            (
                member(
                    *note("(theirs if 'room' in data else mine)['offset'] = data['id']"),
                    returns="lambda: mine, lambda: theirs | {'room': room}",
                ).replace(
                    "def answer",
                    "mine, theirs = {'userId': 'bob', 'offset': 0}, {'offset': 0}\ndef answer",
                ),
                "When another bob had heard nothing yet, and missed two messages",
            ),
            # No offset before there is one.
            (
                member(
                    *note("last[data.get('room')] = data['id']"),
                    returns="lambda: {'userId': 'bob', 'offset': last.get(None)}, "
                    "lambda: {'room': room, 'offset': last.get(room)}",
                ).replace("    seen =", "    last = {}; seen ="),
                'had heard nothing yet, and missed two messages, "early" and "early there" were',
            ),
            (
                member(*note("if 'user' in data: return", own)),
                f'{missed}, "blue 1" came twice',
            ),
            # The room from the beginning, each time.
            (
                member(*note("if 'room' not in data:", f"    {both}")),
                f'{missed}, "early there" and',
            ),
            # The room never from an offset.
            (
                member(
                    *note("if 'room' not in data:", f"    {both}"),
                    returns="lambda: seen, lambda: {'room': room}",
                ),
                'heard nothing yet, and missed two messages, "early there" was lost',
            ),
            # What is replayed for the room moves the user's offset back.
            (
                member(
                    *note("in_room['offset'] = data['id'] if 'room' in data else 0", both),
                ),
                "came twice",
            ),
            # The greatest of all, told to both.
            (
                member(*note("seen['offset'] = max(seen['offset'], data['id'])"), returns=asks),
                f'{missed}, "red 2" was lost',
            ),
            # The offset of the last connection for both, which holds until the wire breaks again.
            (
                member(
                    *note("seen['offset'] = max(seen['offset'], data['id'])"),
                    "def auth():",
                    "    in_room['offset'] = seen['offset']",
                    "    return dict(seen)",
                    returns="auth, lambda: in_room",
                ),
                "wire broke before he had joined his room, ",
            ),
            # Everything each time, and what is known is dropped.
            (
                member(
                    *note("")[:3],
                    "    if data['id'] not in got: heard.append(data['text'])",
                    "    got.add(data['id'])",
                ).replace("def answer", "got = set()\ndef answer"),
                "the server sent him again what he had",
            ),
            # The lesser of the two.
            (
                member(
                    *note(own),
                    returns="lambda: seen, lambda: "
                    "in_room | {'offset': min(seen['offset'], in_room['offset'])}",
                ),
                'had heard a message to his room last, and had missed nothing, "blue 2" came twice',
            ),
            (
                member(*note(own)).replace("@bob.on('single-message')", "#"),
                'had heard nothing yet, and missed two messages, "early there" was lost',
            ),
            (
                member(*note(own), returns="lambda: seen, lambda: room"),
                "should have been a dict with his room and an offset, but it was 'team'",
            ),
            (member(*note(own), returns="lambda: seen"), "should still return two functions"),
            (
                member(*note(own), returns="lambda: seen, lambda: in_room['offset']"),
                "What bob says to join-room should have been a dict with his room and an offset",
            ),
            (
                member(
                    *note(own),
                    returns="lambda: seen, lambda: {'room': 'team', 'offset': in_room['offset']}",
                ),
                "should have had his room, 'choir', but it was",
            ),
            (
                member(*note(own), returns="lambda: {'offset': seen['offset']}, lambda: in_room"),
                "Bob's auth should have had a userId",
            ),
            (
                member(
                    *note(own),
                    returns="lambda: seen, lambda: {'room': room, 'offset': 'last'}",
                ),
                "Bob's join-room was refused: offset must be the id of a message",
            ),
        ],
        [
            member(*note("(seen if data.get('room') != room else in_room)['offset'] = data['id']")),
            # A handler for each event.
            member(
                "@bob.on('recieve-message')",
                "def everyone(data):",
                "    heard.append(data['text']); seen['offset'] = data['id']",
                "def alone(data):",
                "    heard.append(data['text'])",
                "    if 'user' in data: seen.update(offset=data['id'])",
                "    else: in_room.update(offset=data['id'])",
                "bob.on('single-message', alone)",
            ),
            # A class, and new objects each time.
            (
                "class Offsets:\n"
                "    def __init__(self, room, heard):\n"
                "        self.room, self.heard, self.ids = room, heard, {}\n"
                "    async def note(self, data):\n"
                "        self.heard.append(data['text'])\n"
                "        self.ids[data.get('room')] = data['id']\n"
                "    def auth(self):\n"
                "        return {'userId': 'bob', 'offset': self.ids.get(None, 0)}\n"
                "    def join(self):\n"
                "        return {'room': self.room, 'offset': self.ids.get(self.room, 0)}\n"
                "def answer(client, texts, room):\n"
                "    offsets = Offsets(room, texts)\n"
                "    for event in ('recieve-message', 'single-message'):\n"
                "        client.on(event, offsets.note)\n"
                "    return offsets.auth, offsets.join\n"
            ),
            # Ids that he has are ignored, too.
            member(
                *note("")[:3],
                "    mine = in_room if 'room' in data else seen",
                "    if data['id'] > mine['offset']:",
                "        mine['offset'] = data['id']; heard.append(data['text'])",
                returns="[lambda: dict(seen), lambda: dict(in_room)]",
            ),
            # Asynchronous, and with nonlocal numbers.
            (
                "async def answer(bob, heard, room):\n"
                "    mine = rooms = 0\n"
                "    async def note(data):\n"
                "        nonlocal mine, rooms\n"
                "        print(data['text']); heard.append(data['text'])\n"
                "        if 'room' in data: rooms = data['id']\n"
                "        else: mine = data['id']\n"
                "    bob.on('recieve-message', handler=note)\n"
                "    bob.on('single-message', handler=note)\n"
                "    async def auth(): return {'userId': 'bob', 'offset': mine}\n"
                "    async def join(): return {'room': room, 'offset': rooms}\n"
                "    return auth, join\n"
            ),
            member(
                "@bob.on('*')",
                "async def note(event, data):",
                "    if not event.endswith('-message'): return",
                "    heard.append(data['text'])",
                f"    {own}",
            ),
        ],
    )
    threads_end()
