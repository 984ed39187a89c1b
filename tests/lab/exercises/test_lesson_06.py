from functools import partial

from chatlib.lab import exercise

IMPORTS = "import asyncio\nfrom chatlib.messages import *\n\n\n"


def of_server(event, argument, *lines):
    """Return an answer that registers one handler, with these lines."""
    body = "\n        ".join(lines)
    return (
        f"{IMPORTS}def answer(io):\n    @io.on({event!r})\n"
        f"    async def handle(sid, {argument}):\n        {body}\n"
    )


def typing(*lines):
    """Return an answer to 06.1 that registers one handler, with these lines."""
    body = "\n        ".join(lines)
    return (
        f"{IMPORTS}def answer(chat):\n    io = chat.io\n\n    @chat.event('typing')\n"
        f"    async def handle(sid, group):\n        {body}\n"
    )


seen = partial(of_server, "seen", "message", 'writer = message["from"]')


def handler(event, *lines):
    body = "\n        ".join(lines)
    return (
        f"{IMPORTS}def answer(client):\n    @client.on({event!r})\n"
        f"    async def handle(*arguments):\n        {body}\n"
    )


welcome = partial(handler, "welcome")


def direct(*lines):
    return "\n    ".join([f"{IMPORTS}async def answer(client, user, text):", *lines])


async def test_06_1(check_exercise):
    await check_exercise(
        exercise("06.1"),
        [
            (
                typing("await io.emit('typing', group, to=group, skip_sid=sid)"),
                "Nobody did. The members of a group are in the room read_group(name).room",
            ),
            (
                typing("await io.emit('typing', group, to=read_group(group).room)"),
                "alice should not have heard",
            ),
            (
                typing("await io.emit('typing', group, skip_sid=sid)"),
                "carol should not have heard",
            ),
            (
                typing("await io.emit('typing', group, to=EVERYONE.room, skip_sid=sid)"),
                "carol should not have heard",
            ),
            (
                typing("await io.emit('typing', group, to=read_group('tea').room, skip_sid=sid)"),
                "for the group 'coffee', where alice and carol are, bob and phone should not",
            ),
            (
                typing(
                    "rooms = [room for room in io.rooms(sid) if room.startswith('room:')]",
                    "if rooms:",
                    "    await io.emit('typing', group, to=rooms, skip_sid=sid)",
                ),
                "where alice, bob and phone are, carol should not have heard",
            ),
            (
                typing(
                    "mine = [room for room in io.rooms(sid) if room.startswith('user:')]",
                    "tabs = [tab for room in mine",
                    "    for tab, _ in io.manager.get_participants('/', room)]",
                    "room = read_group(group).room",
                    "await io.emit('typing', group, to=room, skip_sid=[sid, *tabs])",
                ),
                'phone should have heard "typing" and did not',
            ),
            (
                typing(
                    "await io.enter_room(sid, read_group(group).room)",
                    "await io.emit('typing', group, to=read_group(group).room, skip_sid=sid)",
                ),
                "where alice, bob and phone are, carol should not have heard",
            ),
            (
                (
                    f"{IMPORTS}def answer(chat):\n    io = chat.io\n"
                    "    members = {}\n"
                    "    @io.on('typing')\n"
                    "    async def typing(sid, group):\n"
                    "        if group not in members:\n"
                    "            room = read_group(group).room\n"
                    "            inside = io.manager.get_participants('/', room)\n"
                    "            members[group] = [member for member, _ in inside]\n"
                    "        for member in members[group]:\n"
                    "            if member != sid:\n"
                    "                await io.emit('typing', group, to=member)\n"
                ),
                'where alice, carol and phone are, carol should have heard "typing" and did not',
            ),
            (
                (
                    f"{IMPORTS}def answer(chat):\n    io = chat.io\n"
                    "    members = {}\n"
                    "    @io.on('join-room')\n"
                    "    async def join(sid, group):\n"
                    "        members.setdefault(group, set()).add(sid)\n"
                    "        return {'ok': True}\n"
                    "    @io.on('typing')\n"
                    "    async def typing(sid, group):\n"
                    "        for member in members[group] - {sid}:\n"
                    "            await io.emit('typing', group, to=member)\n"
                ),
                'where alice, carol and phone are, bob should not have heard "typing"',
            ),
            (
                typing(
                    "await io.emit('typing', group, to=read_group(group).room, skip_sid=sid)",
                    "await io.close_room(read_group(group).room)",
                ),
                "After bob emitted \"typing\" for the group 'tea'",
            ),
            (
                (
                    f"{IMPORTS}def answer(chat):\n    io = chat.io\n"
                    "    rooms = {}\n"
                    "    @io.on('typing')\n"
                    "    async def typing(sid, group):\n"
                    "        room = rooms.setdefault(sid, read_group(group).room)\n"
                    "        await io.emit('typing', group, to=room, skip_sid=sid)\n"
                ),
                "again for the group 'coffee', where alice and carol are, carol should have heard",
            ),
            (
                (
                    f"{IMPORTS}def answer(chat):\n    io = chat.io\n"
                    "    @io.on('*')\n"
                    "    async def handle(event, sid, group):\n"
                    "        await io.emit(event, group, to=group, skip_sid=sid)\n"
                ),
                "Nobody did. The members of a group are in the room read_group(name).room",
            ),
            (
                (
                    f"import socketio\n{IMPORTS}class Typing(socketio.AsyncNamespace):\n"
                    "    async def on_typing(self, sid, group):\n"
                    "        room = read_group(group).room\n"
                    "        await self.emit('typing', group, to=room, skip_sid=sid)\n\n\n"
                    "def answer(chat):\n    io = chat.io\n    io.register_namespace(Typing('/'))\n"
                ),
                "is registered, so the chat refused it.",
            ),
            (
                typing(
                    "rooms = [f'room:{group}', f'user:{group}']",
                    "await io.emit('typing', group, to=rooms, skip_sid=sid)",
                ),
                "carol should not have heard",
            ),
            (
                typing(
                    "rooms = [f'room:{group}', str(group)]",
                    "await io.emit('typing', group, to=rooms, skip_sid=sid)",
                ),
                "for the group 'everyone', where bob, dave, erin and phone are, alice should not",
            ),
            (
                typing(
                    "room = read_group(str(group).strip().lower()).room",
                    "await io.emit('typing', group, to=room, skip_sid=sid)",
                ),
                "for the group ' Everyone', where alice and dave are, bob, erin and phone should",
            ),
            (
                typing("await io.emit('typing', to=read_group(group).room, skip_sid=sid)"),
                'should have carried "tea", but it carried nothing',
            ),
            (
                typing(
                    "await io.emit('typing', str(group), to=read_group(group).room, skip_sid=sid)"
                ),
                'should have carried 7, but it carried "7"',
            ),
            (
                typing("await io.emit('types', group, to=read_group(group).room, skip_sid=sid)"),
                'bob heard "types"',
            ),
            (
                typing("await io.emit('typing', group, read_group(group).room, sid)"),
                "alice should not have heard",
            ),
            (
                typing("await io.emit('typing', group, to=sid)"),
                'bob and phone should have heard "typing" and did not. What happened: alice heard',
            ),
            (
                typing("io.emit('typing', group, to=read_group(group).room, skip_sid=sid)"),
                "`io.emit(...)` was not awaited",
            ),
            (
                typing(
                    "io.group, io.typist = group, sid",
                    "await asyncio.sleep(0.05)",
                    "room = read_group(io.group).room",
                    "await io.emit('typing', io.group, to=room, skip_sid=io.typist)",
                ),
                "alice emitted \"typing\" for the group 'tea', and carol at the same moment for",
            ),
            (
                "def answer(chat):\n    chat.event('type')(lambda sid, group: None)\n",
                'No handler for "typing" is registered',
            ),
            ("def answer(chat): pass", 'No handler for "typing" is registered'),
        ],
        [
            typing("await io.emit('typing', data=group, room=f'room:{group}', skip_sid=sid)"),
            typing("await io.emit('typing', group, read_group(group).room, None, sid)"),
            typing(
                "if read_group(group).room in io.rooms(sid):",
                "    await io.emit('typing', group, to=read_group(group).room, skip_sid=sid)",
            ),
            typing(
                "room = read_group(group).room",
                "was_in = room in io.rooms(sid)",
                "await io.leave_room(sid, room)",
                "await io.emit('typing', group, to=room)",
                "if was_in:",
                "    await io.enter_room(sid, room)",
            ),
            typing(
                "for member, _ in [*io.manager.get_participants('/', read_group(group).room)]:",
                "    if member != sid:",
                "        await io.emit('typing', group, to=member)",
            ),
            typing(
                "loop = asyncio.get_running_loop()",
                "loop.call_later(0.02, lambda: loop.create_task(",
                "    io.emit('typing', group, to=read_group(group).room, skip_sid=sid)))",
            ),
            typing(
                "io.start_background_task(",
                "    io.emit, 'typing', group, to=read_group(group).room, skip_sid=sid)",
                "await io.emit('noted', to=sid)",
                "return {'ok': True}",
            ),
            (
                f"{IMPORTS}def answer(chat):\n    io = chat.io\n"
                "    def typing(sid, group):\n"
                "        asyncio.create_task(\n"
                "            io.emit('typing', group, to=read_group(group).room, skip_sid=sid))\n"
                "    io.on('typing', typing)\n"
            ),
            (
                f"{IMPORTS}class Typing:\n"
                "    def __init__(self, io):\n"
                "        self.io = io\n"
                "    async def on_typing(self, sid, name):\n"
                "        room = read_group(name).room\n"
                "        await self.io.emit('typing', name, to=room, skip_sid=sid)\n\n\n"
                "def answer(chat):\n    io = chat.io\n    io.on('typing', Typing(io).on_typing)\n"
            ),
        ],
    )


async def test_06_2(check_exercise):
    hello = "{'text': 'hello', 'others': True}"
    await check_exercise(
        exercise("06.2"),
        [
            (
                welcome("await client.emit('message', {'text': 'hello'})"),
                "carol should not have heard",
            ),
            (
                welcome("await client.emit('message', 'hello')"),
                """should have had "text": "hello", but it was "hello".""",
            ),
            (
                welcome("await client.emit('message', {'text': 'hi', 'others': True})"),
                'should have had "text": "hello"',
            ),
            (
                welcome(f"await client.emit('recieve-message', {hello})"),
                'and the server refuses it: "There is no such event here',
            ),
            (handler("connect", f"await client.emit('message', {hello})"), "a second time"),
            (
                handler("broadcast", f"await client.emit('message', {hello})"),
                "After the server welcomed carol, alice and bob should have heard",
            ),
            (
                welcome("await client.emit('message', {'text': 'hello', 'others': 'yes'})"),
                'and the server refuses it: "others must be true or false."',
            ),
            (
                welcome("await client.emit('message', ({'text': 'hello'}, {'others': True}))"),
                'the server refuses it: "One argument was expected, 2 came."',
            ),
            (
                welcome(f"await client.emit('message', {hello})", "await client.disconnect()"),
                "carol is not connected any more",
            ),
            (
                welcome("await client.emit('message', {'text': 'hello', 'room': 'everyone'})"),
                'alice and bob should have heard "recieve-message". Nobody did.',
            ),
            (
                welcome(f"await client.emit('message', {hello})") + "\n"
                "    client.on('broadcast', handle)",
                "dave came, and wrote. carol sent its hello again",
            ),
            (
                welcome(f"await client.emit('message', {hello})") + "\n"
                "    client.on('recieve-message', handle)",
                "dave came, and wrote. carol sent its hello again",
            ),
            (
                (
                    f"{IMPORTS}async def answer(client):\n"
                    "    welcomed = asyncio.Event()\n"
                    "    client.on('welcome', lambda text: welcomed.set())\n"
                    "    async def greet():\n"
                    "        await welcomed.wait()\n"
                    f"        await client.emit('message', {hello})\n"
                    "    asyncio.create_task(greet())\n"
                ),
                "a second time, alice, bob, dave and erin should have heard",
            ),
            (
                welcome("await client.emit('message', {'text': 'hello', 'others': True})") + "\n"
                "    client.on('connect', handle)",
                'alice and bob heard "recieve-message" more than once',
            ),
            (
                (
                    f"{IMPORTS}def answer(client):\n"
                    "    global polite\n"
                    "    polite = client\n"
                    "    client.on('welcome', greet)\n\n\n"
                    "async def greet(text):\n"
                    f"    await polite.emit('message', {hello})\n"
                ),
                "After the server welcomed carol a second time, carol should not have heard",
            ),
            (
                welcome(f"client.emit('message', {hello})"),
                "`client.emit(...)` was not awaited",
            ),
        ],
        [
            welcome(f"asyncio.create_task(client.emit('message', {hello}))"),
            welcome(f"await client.call('message', {hello})"),
            welcome("await client.send({'text': 'hello', 'others': True, 'mood': 'good'})"),
            welcome(
                f"await client.emit('message', {hello})",
                "await client.emit('message', {'text': 'I am new here', 'others': True})",
            ),
            (
                f"import socketio\n{IMPORTS}class Polite(socketio.AsyncClientNamespace):\n"
                "    async def on_welcome(self, text):\n"
                f"        await self.emit('message', {hello})\n\n\n"
                "def answer(client):\n    client.register_namespace(Polite('/'))\n"
            ),
            (
                f"{IMPORTS}def answer(client):\n"
                "    @client.on('*')\n"
                "    async def hear(event, *arguments):\n"
                "        if event == 'welcome':\n"
                f"            await client.emit('message', {hello})\n"
            ),
            (
                f"{IMPORTS}def answer(client):\n"
                "    @client.event\n"
                "    async def welcome(greeting):\n"
                f"        client.start_background_task(client.emit, 'message', {hello})\n"
            ),
            (
                f"{IMPORTS}def answer(client):\n"
                "    def later(text):\n"
                "        loop = asyncio.get_running_loop()\n"
                "        loop.call_later(0.05, lambda: loop.create_task(\n"
                f"            client.emit('message', {hello})))\n"
                "    client.on('welcome', later)\n"
            ),
            (
                f"{IMPORTS}async def answer(client):\n"
                "    waiting = asyncio.Queue()\n"
                "    async def work():\n"
                "        while await waiting.get():\n"
                f"            await client.emit('message', {hello})\n"
                "    asyncio.create_task(work())\n"
                "    client.on('welcome', waiting.put_nowait)\n"
                "    client.on('disconnect', lambda reason: waiting.put_nowait(None))\n"
            ),
            welcome(
                "print('welcomed')",
                "await client.call('join-room', 'tea')",
                f"await client.emit('message', {hello})",
            ),
        ],
    )


async def test_06_3(check_exercise):
    call = "ack = await client.call('message', {'user': user, 'text': text})"
    await check_exercise(
        exercise("06.3"),
        [
            (
                direct("await client.emit('message', {'user': user, 'text': text})"),
                "should have returned True, but it returned None",
            ),
            (direct(call, "return ack"), "should have returned True, but it returned {'ok': True}"),
            (direct(call, "return True"), "should have returned that sentence, but it returned"),
            (direct(call, "return ack['ok']"), "that sentence, but it returned False"),
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
            (
                direct(
                    "await client.call('message', {'user': 2, 'text': 'lunch?'})",
                    "return True if user == 2 else 'user must be non-empty text or a number.'",
                ),
                'should have had "text": "at one?", but it was {"user": 2, "text": "lunch?"',
            ),
            (
                direct(
                    "await client.call('message', {'user': 2, 'text': text})",
                    "return True if user in (2, 3) else 'user must be non-empty text or a number.'",
                ),
                "to user 3, who is away, bob and bob-2 should not have heard",
            ),
            (
                direct(
                    call,
                    "if user in (2, 3):",
                    "    return True",
                    "return 'user must be non-empty text or a number.'",
                ),
                "A name may have",
            ),
            (
                direct(call, "return True if ack['ok'] else 'user must be text.'"),
                'the server answered "user must be non-empty text or a number."',
            ),
            (
                direct("ack = client.call('message', {'user': user, 'text': text})", "return True"),
                "`client.call(...)` was not awaited",
            ),
            (direct(call, "return ack.get('error')"), "True, but it returned None"),
            (
                direct(
                    "data = {'user': user, 'text': text[:500]}",
                    "ack = await client.call('message', data)",
                    "return ack['ok'] or ack['error']",
                ),
                "have had 5400 characters, but only the first 500 of them came.",
            ),
            (
                direct(
                    "try:",
                    f"    {call}",
                    "    return ack['ok'] or ack['error']",
                    "except:",
                    "    return True",
                ),
                "alice was not connected any more, so nobody answered",
            ),
            (
                direct(
                    "try:",
                    f"    {call}",
                    "    return ack['ok'] or ack['error']",
                    "except LabTimeoutError:",
                    "    return True",
                ).replace(
                    "import asyncio", "import asyncio\nfrom chatlib.lab import LabTimeoutError"
                ),
                "The connection of carol ended before the server had answered: nothing tells",
            ),
            (
                direct(
                    "ack = await client.call('message', {'user': user or None, 'text': text})",
                    "return ack['ok'] or ack['error']",
                ),
                'carol sent "message" with {"user": null, "text": "zero"}, and the server refuses',
            ),
            (
                direct(
                    "address = {'user': user} if user or user != 0 else {}",
                    "ack = await client.call('message', {'text': text, **address})",
                    "return ack['ok'] or ack['error']",
                ),
                'dave and dave-2 should have heard "single-message" and did not',
            ),
            (
                direct(
                    "ack = await client.call('message', {'user': user, 'text': text.strip()})",
                    "return ack['ok'] or ack['error']",
                ),
                'should have had "text": " it rains\\n", but it was {',
            ),
            (
                (
                    f"{IMPORTS}acks = {{}}\n\n\nasync def answer(client, user, text):\n"
                    "    if repr(user) not in acks:\n"
                    "        data = {'user': user, 'text': text}\n"
                    "        acks[repr(user)] = await client.call('message', data)\n"
                    "    ack = acks[repr(user)]\n"
                    "    return ack['ok'] or ack['error']\n"
                ),
                "After alice wrote 'at one?' to user 2",
            ),
            (
                direct(
                    "ack = await client.call('message', (user, text))",
                    "return ack['ok'] or ack['error']",
                ),
                'refuses it: "One argument was expected, 2 came."',
            ),
            (
                direct(
                    "ack = await client.call('dm', {'user': user, 'text': text})",
                    "return ack['ok'] or ack['error']",
                ),
                'and the server refuses it: "There is no such event here',
            ),
            (
                direct(
                    "ack = await client.call('message', {'user': str(user), 'text': text})",
                    "return ack['ok'] or ack['error']",
                ),
                "that sentence, but it returned True",
            ),
        ],
        [
            direct(call, "return ack.get('error', True)"),
            direct(
                "try:",
                f"    {call}",
                "except Exception as error:",
                "    return str(error)",
                "return ack['ok'] or ack['error']",
            ),
            direct(call, "return ack['ok'] or ack['error']"),
            direct(
                "answered = asyncio.get_running_loop().create_future()",
                "data = {'user': user, 'text': text, 'when': 'now'}",
                "await client.emit('message', data, callback=answered.set_result)",
                "ack = await answered",
                "return True if ack['ok'] else ack['error']",
            ),
            direct(
                "task = asyncio.create_task(",
                "    client.call(event='message', data={'text': text, 'user': user}))",
                "match await task:",
                "    case {'ok': True}:",
                "        return True",
                "    case {'error': sentence}:",
                "        return sentence",
            ),
            (
                f"{IMPORTS}class Sender:\n"
                "    async def __call__(self, client, whom, words):\n"
                "        data = dict(user=whom, text=words)\n"
                "        ack = await client.call('message', data, timeout=1)\n"
                "        print('answered')\n"
                "        return ack['ok'] is True or ack['error']\n\n\n"
                "answer = Sender()\n"
            ),
        ],
    )


async def test_06_4(check_exercise):
    lines = [line.code for line in exercise("06.4").lines]
    others = ["alice", "bob", "bob-2", "carol"]
    right = [others, ["alice", "bob", "carol"], ["phone"], ["bob", "bob-2"], []]

    def guess(*changed, **kinds):
        rows = dict(zip(lines, right, strict=True))
        for row, names in changed:
            rows[lines[row]] = names
        kind = kinds.get("kind", list)
        return f"answer = { ({line: kind(names) for line, names in rows.items()})!r}"

    def text(names):
        return ", ".join(names)

    await check_exercise(
        exercise("06.4"),
        [
            (guess((0, ["bob", "bob-2", "carol"])), "alice heard it, and your guess leaves them"),
            (guess((0, [*others, "phone"])), "phone did not hear it, and your guess names them"),
            (guess((1, [])), "nobody asks whether the sender is one"),
            (guess((1, ["bob", "bob-2", "carol"])), "Sockets are members, not people"),
            (guess((2, [])), "phone heard it, and your guess leaves them out"),
            (guess((2, ["alice", "phone"])), "A note to oneself"),
            (guess((2, ["phone", "phone"])), "phone heard it once, not twice"),
            (guess((3, [])), 'The user is "user:2" for 2 and for "2"'),
            (guess((4, ["alice", "phone", "bob-2", "carol"])), "refuses a message with two"),
            (guess((3, ["bob", "bob-2", "carol"])), "and whoever sends is skipped."),
            (guess((4, ["dave"])), "names 'dave'; there are"),
            ("answer = ['alice']", "A guess is a dict"),
        ],
        [
            guess(kind=tuple),
            guess(kind=set),
            guess(kind=text),
            guess((4, "nobody")).replace("['n', 'o', 'b', 'o', 'd', 'y']", "'nobody'"),
            guess(kind=lambda names: dict.fromkeys(reversed(names))),
            guess(kind=" and ".join),
        ],
    )


async def test_06_5(check_exercise):
    room = "room = read_user(writer['userId']).room if 'userId' in writer else writer['id']"
    emit = "await io.emit('seen', message['text'], to=room)"
    await check_exercise(
        exercise("06.5"),
        [
            (
                seen("room = writer['id']", emit),
                'alice should have heard "seen" and did not. What happened: phone heard "seen"',
            ),
            (seen("room = read_user(writer['userId']).room", emit), "KeyError"),
            (
                seen("room = read_user(writer.get('userId')).room", emit),
                "user must be non-empty text or a number",
            ),
            (
                seen("room = f\"user:{writer.get('userId')}\"", emit),
                "of carol, who has no userId, carol should have heard",
            ),
            (
                seen("room = writer.get('userId', writer['id'])", emit),
                "Nobody did. All sockets of a user are in the room read_user(userId).room",
            ),
            (seen("room = read_group(writer.get('userId', 'x')).room", emit), "Nobody did."),
            (seen("room = EVERYONE.room", emit), "bob, carol and dave should not have heard"),
            (
                seen("room = [f\"user:{writer.get('userId')}\", writer['id']]", emit),
                "of erin, who has no userId, laptop, tablet and watch should not have heard",
            ),
            (
                seen(room, emit, "await io.emit('seen', message['text'], to=writer['id'])"),
                'phone heard "seen" more than once',
            ),
            (
                seen("room = read_user(1).room if 'userId' in writer else writer['id']", emit),
                "of user 'None', laptop, tablet and watch should have heard",
            ),
            (
                seen(
                    "user = writer.get('userId')",
                    "room = read_user(user).room if str(user) != 'None' else writer['id']",
                    emit,
                ),
                "of user 'None', laptop and tablet should have heard",
            ),
            (
                seen(
                    "user = writer.get('userId')",
                    "room = user and read_user(user).room",
                    emit,
                ),
                "alice, bob, dave and phone should not have heard",
            ),
            (
                seen(room, "await io.emit('seen', message, to=room)"),
                'should have carried "tea?", but it carried {',
            ),
            (
                seen(
                    room, "await io.emit('seen', message['text'], to=room, skip_sid=writer['id'])"
                ),
                'phone should have heard "seen" and did not. What happened: alice heard "seen"',
            ),
            (
                seen(room, "io.emit('seen', message['text'], to=room)"),
                "`io.emit(...)` was not awaited",
            ),
            (
                seen(
                    "user = writer.get('userId')",
                    "room = read_user(user).room if user else writer['id']",
                    emit,
                ),
                "of user 0, tablet should have heard",
            ),
            (
                seen(room, "await io.emit('seen', message['text'], to=room, skip_sid=sid)"),
                'of user 1, which it wrote itself, phone should have heard "seen" and did not',
            ),
            (
                seen(room, "if writer['id'] != sid:", f"    {emit}"),
                'which it wrote itself, alice and phone should have heard "seen". Nobody did.',
            ),
            (
                (
                    f"{IMPORTS}texts = {{}}\n\n\ndef answer(io):\n"
                    "    @io.on('seen')\n"
                    "    async def seen(sid, message):\n"
                    "        writer = message['from']\n"
                    f"        {room}\n"
                    "        text = texts.setdefault(room, message['text'])\n"
                    "        await io.emit('seen', text, to=room)\n"
                ),
                'should have carried "milk?", but it carried "tea?"',
            ),
            (
                seen(
                    room,
                    "if 'room' in message:",
                    "    room = read_group(message['room']).room",
                    emit,
                ),
                "of carol, who has no userId, alice, bob, dave and phone should not",
            ),
            (
                seen(
                    room,
                    "if 'user' in message:",
                    "    room = read_user(message['user']).room",
                    emit,
                ),
                'What happened: bob heard "seen"',
            ),
            (
                (
                    f"{IMPORTS}def answer(io):\n"
                    "    rooms = {}\n"
                    "    @io.on('seen')\n"
                    "    async def seen(sid, message):\n"
                    "        writer = message['from']\n"
                    f"        {room}\n"
                    "        room = rooms.setdefault(writer.get('userId'), room)\n"
                    f"        {emit}\n"
                ),
                "of dave, who has no userId, dave should have heard",
            ),
            (
                (
                    f"{IMPORTS}def answer(io):\n"
                    "    tabs = {}\n"
                    "    @io.on('seen')\n"
                    "    async def seen(sid, message):\n"
                    "        writer = message['from']\n"
                    f"        {room}\n"
                    "        if room not in tabs:\n"
                    "            inside = io.manager.get_participants('/', room)\n"
                    "            tabs[room] = [tab for tab, _ in inside]\n"
                    "        await io.emit('seen', message['text'], to=tabs[room])\n"
                ),
                'closed phone, which wrote it, desk should have heard "seen" and did not',
            ),
            (
                seen(
                    "rooms = io.manager.get_rooms(writer['id'], '/') or [writer['id']]",
                    "users = [room for room in rooms if room.startswith('user:')]",
                    "room = [*users, writer['id']][0]",
                    emit,
                ),
                "who has desk now, and has closed phone, which wrote it, alice and desk should",
            ),
            ("def answer(io): pass", 'No handler for "seen" is registered'),
        ],
        [
            seen(room, emit),
            seen(
                "rooms = [writer['id']]",
                "if 'userId' in writer:",
                "    rooms.append(read_user(writer['userId']).room)",
                "await io.emit('seen', message['text'], room=rooms)",
            ),
            seen(
                "user = writer.get('userId')",
                "room = f'user:{user}' if user is not None else writer['id']",
                "io.start_background_task(io.emit, 'seen', message['text'], room)",
            ),
            seen(
                "to = read_address({'room': writer['id']})",
                "if 'userId' in writer:",
                "    to = read_address({'user': writer['userId']})",
                "await io.emit('seen', message['text'], to=to.to.room)",
                "await io.emit('noted', to=sid)",
            ),
            (
                f"{IMPORTS}def room_of(writer):\n"
                "    try:\n"
                "        return read_user(writer['userId']).room\n"
                "    except KeyError:\n"
                "        return read_group_or_socket(writer['id']).room\n\n\n"
                "def answer(io):\n"
                "    async def seen(reader, message):\n"
                "        room = room_of(message['from'])\n"
                "        print('seen')\n"
                "        asyncio.create_task(io.emit('seen', message['text'], to=room))\n"
                "    io.on('seen', seen)\n"
            ),
            (
                f"{IMPORTS}class Seen:\n"
                "    def __init__(self, io):\n"
                "        io.on('seen', handler=self.handle)\n"
                "        self.io = io\n"
                "    async def handle(self, sid, message):\n"
                "        for room in self.rooms(message['from']):\n"
                "            await self.io.emit('seen', message['text'], to=room)\n"
                "    def rooms(self, writer):\n"
                "        if 'userId' not in writer:\n"
                "            return [writer['id']]\n"
                "        return [read_user(writer['userId']).room]\n\n\n"
                "def answer(io):\n    Seen(io)\n"
            ),
        ],
    )


async def test_06_5_shows_its_two_mistakes():
    shown = await exercise("06.5").picture(_untouched())
    told = repr(shown)
    assert 'server ○ alice, phone, bob and carol: not seen "tea?"' in told
    assert all(f"server → {name} " in told for name in ("alice", "phone", "bob  ", "carol"))


def _untouched():
    names = {}
    exec(exercise("06.5").starter, names)
    return names["answer"]
