from functools import partial

from exercise_checks import check_exercise

from chatlib.lab import exercise


def typing(body):
    return (
        "from chatlib.messages import EVERYONE, group_room\n\n\n"
        'def answer(io):\n    @io.on("typing")\n'
        f"    async def typing(sid, group):\n        {body}"
    )


def handler(event, body):
    return (
        f"def answer(client):\n    @client.on({event!r})\n"
        f"    async def handle(*arguments):\n        {body}"
    )


welcome = partial(handler, "welcome")


def direct(*lines):
    return "\n    ".join(["async def answer(client, user, text):", *lines])


async def test_06_1():
    await check_exercise(
        exercise("06.1"),
        [
            (
                typing("await io.emit('typing', group, to=group, skip_sid=sid)"),
                "Nobody did. The members are in the room that group_room makes",
            ),
            (
                typing("await io.emit('typing', group, to=group_room(group))"),
                "alice should not have heard",
            ),
            (
                typing("await io.emit('typing', group, skip_sid=sid)"),
                "carol should not have heard",
            ),
            (
                typing("await io.emit('typing', group, to=group_room('tea'), skip_sid=sid)"),
                "After carol emitted",
            ),
            (
                typing("await io.emit('typing', to=group_room(group), skip_sid=sid)"),
                'should have carried "tea", but it carried nothing',
            ),
            (
                typing("await io.emit('types', group, to=group_room(group), skip_sid=sid)"),
                'bob heard "types"',
            ),
            ("def answer(io): pass", "Nobody did."),
        ],
    )


async def test_06_2():
    hello = "{'text': 'hello', 'others': True}"
    await check_exercise(
        exercise("06.2"),
        [
            (
                welcome("await client.emit('message', {'text': 'hello'})"),
                "carol should not have heard",
            ),
            (welcome("await client.emit('message', 'hello')"), "carol should not have heard"),
            (
                welcome("await client.emit('message', {'text': 'hi', 'others': True})"),
                'should have had "text": "hello"',
            ),
            (
                welcome(f"await client.emit('recieve-message', {hello})"),
                'alice and bob should have heard "recieve-message" and did not',
            ),
            (handler("connect", f"await client.emit('message', {hello})"), "a second time"),
            (
                handler("broadcast", f"await client.emit('message', {hello})"),
                "After the server welcomed carol, alice and bob should have heard",
            ),
            (
                welcome("await client.emit('message', {'text': 'hello', 'others': 'yes'})"),
                'alice and bob should have heard "recieve-message" and did not',
            ),
        ],
    )


async def test_06_3():
    call = "ack = await client.call('message', {'user': user, 'text': text})"
    await check_exercise(
        exercise("06.3"),
        [
            (
                direct("await client.emit('message', {'user': user, 'text': text})"),
                "should have returned True, but it returned None",
            ),
            (direct(call, "return ack"), "should have returned True, but it returned {'ok': True}"),
            (direct(call, "return True"), "must be non-empty text or a number"),
            (direct(call, "return ack['ok']"), "returned that, but it returned False"),
            (
                direct("await client.call('message', {'room': user, 'text': text})", "return True"),
                "Nobody did.",
            ),
            (
                direct("await client.call('message', {'text': text})", "return True"),
                'bob and bob-2 should have heard "single-message" and did not',
            ),
            (
                direct("await client.call('message', {'user': user})", "return True"),
                'should have had "text": "lunch?"',
            ),
            (direct(call, "return ack['error']"), "KeyError"),
        ],
    )
