from chat_servers import threads_end
from exercise_checks import check_exercise

from chatlib.lab import exercise


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


def receiver(*body, returns="lambda: seen", seen="{'userId': 'bob', 'offset': 0}"):
    lines = "\n".join(f"        {line}" for line in body)
    return (
        f"def answer(bob, heard):\n    seen = {seen}\n    @bob.on('recieve-message')\n"
        f"    async def message(data):\n{lines}\n    return {returns}\n"
    )


async def test_08_1():
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
                "lost an answer and then a message and then a message, the function returned",
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
                again_and_again(call.replace(", 'key': key", "")),
                "a text and a key, but it was {'text': 'hi'}",
            ),
            (
                again_and_again("client.call('message', text, timeout=0.1)"),
                "a text and a key, but it was 'hi'",
            ),
            (
                client("await client.emit('message', {'text': text, 'key': key})"),
                "The server got no message",
            ),
            (
                client("while True:", f"    try: await {call}", "    except Timeout: pass"),
                "Something does not end. Waited 2 s for your function to end",
            ),
        ],
    )


async def test_08_2():
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
                server(*once, emit, f"    {good}"),
                'she should have got {"ok": True}, or she would try again for ever. She got None',
            ),
            (
                server(*once, emit, f"    {good}", "return {'ok': False}"),
                "She got {'ok': False}",
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
                "the first key once more, alice and bob should not have heard",
            ),
            (
                server("if sid not in keys:", "    keys.add(sid)", emit, good),
                "which makes it another message",
            ),
            (
                server(*once, "    await io.emit('news', data['text'], skip_sid=sid)", good),
                'alice should have heard "news"',
            ),
            (
                server(*once, "    await io.emit('news', data)", good),
                'should have carried "one", but it carried {"text": "one", "key": "a"}',
            ),
            (server(good), "Nobody did"),
        ],
    )


async def test_08_3():
    append = "heard.append(data['text'])"
    note = "seen['offset'] = data['id']"
    await check_exercise(
        exercise("08.3"),
        [
            (receiver(append), "had missed two, the list heard should have been"),
            (
                receiver(append, seen="{'userId': 'bob'}"),
                "should have been ['one', 'two', 'three', 'four'], but it was ['one', 'two'].",
            ),
            (receiver(append, note, returns="seen"), "should have returned a function"),
            (
                receiver(append, note, returns="lambda: {'offset': seen['offset']}"),
                "should have had a userId",
            ),
            (
                receiver(append, "seen['offset'] += 1"),
                "but it was ['one', 'two', 'two', 'three', 'four']",
            ),
            (
                receiver(append, "seen['offset'] = data['id'] + 1"),
                "but it was ['one', 'two', 'four']",
            ),
            (
                receiver(append, "seen['offset'] = data['id'] - 1"),
                "but it was ['one', 'two', 'two', 'three', 'four']",
            ),
            (
                receiver(note, returns="lambda: seen"),
                "When bob was there for two messages",
            ),
            (
                receiver("heard.append(data)", note),
                "should have been ['one', 'two'], but there was more in it than texts.",
            ),
            (
                receiver(append, "if not seen['offset']: seen['offset'] = data['id']"),
                "but it was ['one', 'two', 'two', 'three', 'four']",
            ),
        ],
    )
    threads_end()
