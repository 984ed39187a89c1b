from functools import partial

from chatlib.lab import exercise


def handler(event, parameters, *body):
    lines = "\n".join(f"        {line}" for line in body)
    return (
        f"def answer(io):\n    @io.on({event!r})\n    async def handle(sid, {parameters}):\n{lines}"
    )


enter = partial(handler, "enter", "room")
say = partial(handler, "say", "room, text")

ENTERS = "await io.enter_room(sid, room)"
TELLS = "await io.emit('entered', room, to=room, skip_sid=sid)"
SAYS = "await io.emit('said', text, to=room)"
REFUSES = ("if room not in io.rooms(sid):", "    return False")


def moves(*lines):
    return "async def answer(client, old, new):\n" + "\n".join(f"    {line}" for line in lines)


def starts(*lines):
    return "async def answer(client, room):\n" + "\n".join(f"    {line}" for line in lines)


async def test_04_1(check_exercise):
    await check_exercise(
        exercise("04.1"),
        wrong=[
            (
                enter(ENTERS, "await io.emit('entered', room, to=room)"),
                "two empty rooms, alice and carol should not have heard",
            ),
            (
                enter(TELLS),
                'alice should be in the room "red", and nobody else. Who is in it: nobody.',
            ),
            (
                enter(ENTERS, "await io.emit('entered', room, skip_sid=sid)"),
                "alice, bob and carol should not have heard",
            ),
            (enter(ENTERS), 'alice should have heard "entered"'),
            (  # who enters again is told
                enter("await io.emit('entered', room, to=room)", ENTERS),
                'alone in "red", emitted "enter" with "red" again, alice should not have heard',
            ),
            (
                enter(
                    "for other, _ in list(io.manager.get_participants('/', room)):",
                    "    await io.emit('entered', room, to=other)",
                    ENTERS,
                ),
                'alone in "red", emitted "enter" with "red" again, alice should not have heard',
            ),
            (
                enter(
                    TELLS,
                    "if room not in io.manager.rooms['/']:",
                    "    await io.enter_room(sid, room)",
                ),
                'where alice was, alice and bob should be in the room "red", and nobody else. Who',
            ),
            (
                enter(ENTERS, "await io.emit('entered', 'red', to='red', skip_sid=sid)"),
                "two empty rooms, alice should not have heard",
            ),
            (
                enter("await io.enter_room(sid, 'red')", TELLS.replace("to=room", "to='red'")),
                'carol with "blue", two empty rooms, alice should not have heard "entered"',
            ),
            (  # the room as it is in the first scene
                enter(ENTERS, TELLS.replace("room, to", "{'red': 'red'}.get(room, 'blue'), to")),
                '"entered" should have carried "Tea", but it carried "blue"',
            ),
            (
                enter(ENTERS, "await io.emit('entered', to=room, skip_sid=sid)"),
                "but it carried nothing.",
            ),
            (
                enter(ENTERS, "await io.emit('entered', sid, to=room, skip_sid=sid)"),
                'should have carried "red", but it carried "<bob>"',
            ),
            (
                enter(ENTERS, "await io.emit('entered', room, to=io.rooms(sid), skip_sid=sid)"),
                'where carol was, bob should not have heard "entered"',
            ),
            (  # a room of one: an empty list of the others is everybody
                enter(
                    ENTERS,
                    "others = [one for one, _ in io.manager.get_participants('/', room)]",
                    "others.remove(sid)",
                    "await io.emit('entered', room, to=others)",
                ),
                "two empty rooms, alice, bob and carol should not have heard",
            ),
            (  # in one room at a time
                enter("for old in io.rooms(sid)[1:]:", "    await io.leave_room(sid, old)",
                      ENTERS, TELLS),
                'where carol was, alice and bob should be in the room "red", and nobody else. Who',
            ),
            (  # only the first in the room hears it
                enter(ENTERS, "host = hosts.setdefault(room, sid)",
                      "await io.emit('entered', room, to=host, skip_sid=sid)")
                .replace(":", ":\n    hosts = {}", 1),
                'where alice and bob were, bob should have heard "entered" and did not',
            ),
            (  # only the last one there hears it
                enter(ENTERS, "if room in last:",
                      "    await io.emit('entered', room, to=last[room], skip_sid=sid)",
                      "last[room] = sid")
                .replace(":", ":\n    last = {}", 1),
                'where alice and bob were, alice should have heard "entered" and did not',
            ),
            (  # Tea is not tea
                enter("room = room.lower()", ENTERS, TELLS),
                'with "Tea" and erin with "tea", two empty rooms, grace should not have heard',
            ),
            (  # two are enough
                enter(
                    "if len([*io.manager.get_participants('/', room)]) < 2:",
                    f"    {ENTERS}",
                    TELLS,
                ),
                'alice, bob and carol should be in the room "red", and nobody else. Who is in it:',
            ),
            (  # the room that was begun last
                enter(ENTERS, TELLS.replace("to=room", "to=io.rooms(sid)[-1]")),
                'where alice and bob were, bob should have heard "entered" and did not',
            ),
            (enter("io.enter_room(sid, room)", TELLS), "`io.enter_room(...)` was not awaited"),
            (enter(ENTERS, TELLS[6:]), "`io.emit(...)` was not awaited"),
            (
                handler("entered", "room", ENTERS, TELLS),
                'alice sent "enter", and the server has no handler for it',
            ),
            (enter("await sid.join(room)"), "Your code raised TypeError"),
        ],
        right=[
            enter(ENTERS, "io.start_background_task(io.emit, 'entered', room, room=room,",
                  "    skip_sid=sid)"),
            enter(TELLS, ENTERS),
            # The task says "then emit": the other order tells the same people, if it leaves out the
            # sender, who may be in the room already.
            enter(
                "for other, _ in list(io.manager.get_participants('/', room)):",
                "    await io.emit('entered', room, to=other, skip_sid=sid)",
                ENTERS,
            ),
            # Nothing is said of who is in the room already but that it is not one of the others.
            enter("if room in io.rooms(sid):", "    return", ENTERS, TELLS),
            """
import socketio

def answer(io):
    class Doors(socketio.AsyncNamespace):
        async def on_enter(self, sid, room):
            await self.enter_room(sid, room)
            await self.emit("entered", room, room=room, skip_sid=sid)
            await self.emit("inside", room, to=sid)

    io.register_namespace(Doors("/"))
""",
            """
import asyncio

def answer(server):
    news = asyncio.Queue()

    async def work():
        while True:
            room, who = await news.get()
            await server.emit("entered", room, to=[room], skip_sid=[who])

    @server.event
    async def enter(who, place):
        await server.enter_room(who, place)
        if not tasks:
            tasks.append(asyncio.create_task(work()))
        await news.put((place, who))

    tasks = []
""",
            """
from functools import partial

async def enter(io, sid, room):
    async with io.session(sid) as session:
        session.setdefault("rooms", []).append(room)
    await io.enter_room(sid, room)
    await io.emit("entered", room, room, skip_sid=[sid])

async def answer(io):
    io.on("enter", partial(enter, io))
""",
            """
import asyncio

members = {}

def answer(io):
    async def enter(sid, room):
        await io.enter_room(sid, room)
        loop = asyncio.get_running_loop()
        loop.call_later(0.1, lambda: asyncio.create_task(tell(sid, room)))

    async def tell(sid, room):
        members.setdefault(room, []).append(sid)
        await io.emit("entered", room, to=room, skip_sid=sid)

    io.on("enter", handler=enter)
""",
        ],
    )  # fmt: skip


async def test_04_2(check_exercise):
    await check_exercise(
        exercise("04.2"),
        wrong=[
            (
                say("await io.emit('said', text, to=room)", "return True"),
                'carol, who is only in "red team", said "psst" in "red", alice and bob should not',
            ),
            (
                say("if room in io.rooms(sid):", "    await io.emit('said', text, to=room)"),
                "should have returned True, not None",
            ),
            (
                say(
                    "if room in io.rooms(sid):",
                    "    await io.emit('said', text, to=room)",
                    "    return True",
                ),
                "should have returned False, not None",
            ),
            (
                say(*REFUSES, "await io.emit('said', text, to=room, skip_sid=sid)", "return True"),
                'alice should have heard "said" and did not',
            ),
            (
                say(*REFUSES, "await io.emit('said', text)", "return True"),
                "carol and dave should not have heard",
            ),
            (
                say(
                    "if len(io.rooms(sid)) < 2:",
                    "    return False",
                    "await io.emit('said', text, to=room)",
                    "return True",
                ),
                "alice and bob should not have heard",
            ),
            (  # all rooms of the sender's
                say(*REFUSES, "await io.emit('said', text, to=io.rooms(sid))", "return True"),
                'alice, who is in "red" and "red team", said "hi" in "red", carol should not',
            ),
            (  # membership never looked at
                say(
                    "if text == 'psst':",
                    "    return False",
                    "await io.emit('said', text, to=room)",
                    "return True",
                ),
                'bob, who has left "red", said "bye" in "red", alice, carol and dave should not',
            ),
            (
                say(
                    "if 'red' not in io.rooms(sid):",
                    "    return False",
                    "await io.emit('said', text, to='red')",
                    "return True",
                ),
                'heidi, who is in 7 and "7", said "cake!" in 7, frank and heidi should have heard',
            ),
            (
                say(*REFUSES, "await io.emit('said', 'hi', to=room)", "return True"),
                '"said" should have carried "hey", but it carried "hi"',
            ),
            (  # who has been in it once may speak for ever
                """
members = set()

def answer(io):
    @io.on("join-room")
    async def join(sid, room):
        await io.enter_room(sid, room)
        members.add((sid, room))

    @io.on("say")
    async def say(sid, room, text):
        if (sid, room) not in members:
            return False
        await io.emit("said", text, to=room)
        return True
""",
                'bob, who has left "red", said "bye" in "red", alice, carol and dave should not',
            ),
            (  # who has spoken once may speak for ever
                """
def answer(io):
    speakers = set()

    @io.on("say")
    async def say(sid, room, text):
        if sid not in speakers and room not in io.rooms(sid):
            return False
        speakers.add(sid)
        await io.emit("said", text, to=room)
        return True
""",
                'bob, who has left "red", said "bye" in "red", alice, carol and dave should not',
            ),
            (  # the rooms as they were when it was first looked
                """
def answer(io):
    rooms = {}

    @io.on("say")
    async def say(sid, room, text):
        if room not in rooms.setdefault(sid, io.rooms(sid)):
            return False
        await io.emit("said", text, to=room)
        return True
""",
                'bob, who has left "red", said "bye" in "red", alice, carol and dave should not',
            ),
            (  # a name in a name
                say(REFUSES[0].replace("(sid)", "(sid)[-1]"), *REFUSES[1:], SAYS, "return True"),
                'carol, who is only in "red team", said "psst" in "red", alice and bob should not',
            ),
            (
                say(
                    "if not any(name in room for name in io.rooms(sid)):",
                    *REFUSES[1:],
                    SAYS,
                    "return True",
                ),
                "Your code raised TypeError: argument of type 'int' is not",
            ),
            (  # 7 is not "7"
                say("if str(room) not in map(str, io.rooms(sid)):", *REFUSES[1:], SAYS,
                    "return True"),
                'erin, who is only in "7", said "me too" in 7, frank and heidi should not',
            ),
            (
                say("if str(room) not in io.rooms(sid):", *REFUSES[1:], SAYS, "return True"),
                'erin, who is only in "7", said "me too" in 7, frank and heidi should not',
            ),
            (
                say("room = str(room)", *REFUSES, SAYS, "return True"),
                'said "cake!" in 7, frank should have heard "said" and did not',
            ),
            (
                say(*REFUSES, SAYS.replace("to=room", "to=str(room)"), "return True"),
                'said "cake!" in 7, frank should have heard "said" and did not',
            ),
            (  # everybody is in the room None
                say(
                    "members = [one for one, _ in io.manager.get_participants('/', room or None)]",
                    "if sid not in members:",
                    *REFUSES[1:],
                    SAYS,
                    "return True",
                ),
                'heidi, who is not in there, said "echo?" in "", erin, frank, grace and heidi',
            ),
            (  # an empty text is a text
                say("if not text:", *REFUSES[1:], *REFUSES, SAYS, "return True"),
                'frank, who is in 7, said "" in 7, frank and heidi should have heard "said"',
            ),
            (  # one room beside its own
                say(REFUSES[0].replace("(sid)", "(sid)[1:2]"), *REFUSES[1:], SAYS, "return True"),
                'heidi, who is in 7 and "7", said "cake!" in 7, frank and heidi should have heard',
            ),
            (  # nobody to talk to
                say(
                    *REFUSES,
                    "if len([*io.manager.get_participants('/', room)]) < 2:",
                    *REFUSES[1:],
                    SAYS,
                    "return True",
                ),
                'alice, who is alone in "red" by now, said "anybody?" in "red", alice should have',
            ),
            (  # one text each
                say(
                    "if room not in io.rooms(sid) or sid in spoken:",
                    *REFUSES[1:],
                    "spoken.add(sid)",
                    SAYS,
                    "return True",
                ).replace(":", ":\n    spoken = set()", 1),
                'alice, who is alone in "red" by now, said "anybody?" in "red", alice should have',
            ),
            (  # only two
                say(
                    "members = [one for one, _ in io.manager.get_participants('/', room)]",
                    "if sid not in members[:2]:",
                    *REFUSES[1:],
                    SAYS,
                    "return True",
                ),
                'carol, who has joined "red" by now, said "here I am" in "red", alice, carol and',
            ),
            (  # out of the other rooms
                say(
                    *REFUSES,
                    "for name in {*io.rooms(sid)} - {sid, room}:",
                    "    await io.leave_room(sid, name)",
                    SAYS,
                    "return True",
                ),
                'alice and carol should be in the room "red team", and nobody else. Who is in it:',
            ),
            (  # two are not a whole room
                say(
                    *REFUSES,
                    "await io.emit('said', text, to=sid)",
                    "others = [one for one, _ in io.manager.get_participants('/', room)]",
                    "others.remove(sid)",
                    "if others:",
                    "    await io.emit('said', text, to=others[0])",
                    "return True",
                ),
                'carol, who has joined "red" by now, said "here I am" in "red", dave should have',
            ),
            (
                say(*REFUSES, "io.emit('said', text, to=room)", "return True"),
                "`io.emit(...)` was not awaited",
            ),
            (
                handler("speak", "room, text", "return True"),
                'alice sent "say", and the server has no handler for it',
            ),
            (handler("say", "data", "return True"), "TypeError"),
        ],
        right=[
            # A number is no text, in the words of this lesson.
            say(*REFUSES, "await io.emit('said', f'{text}', to=room)", "return True"),
            # Only "said" is not to be emitted.
            say(REFUSES[0], "    await io.emit('refused', text, to=[room, sid])", REFUSES[1], SAYS,
                "return True"),
            say(
                "is_in = room in io.rooms(sid)",
                "if is_in:",
                "    io.start_background_task(io.emit, 'said', text, to=room)",
                "return is_in",
            ),
            say(
                "members = [one for one, _ in io.manager.get_participants('/', room)]",
                "for one in members:",
                "    if sid in members:",
                "        await io.emit('said', text, to=one)",
                "return sid in members",
            ),
            """
import socketio

def answer(io):
    class Rooms(socketio.AsyncNamespace):
        async def on_say(self, sid, room, text):
            if room in self.rooms(sid):
                await self.emit("said", (text,), room=room)
                return True
            await self.emit("refused", "You are not in there.", to=sid)
            return False

    io.register_namespace(Rooms("/"))
""",
            """
members = {}

def answer(io):
    @io.on("join-room")
    async def join(sid, room):
        await io.enter_room(sid, room)
        members.setdefault(room, set()).add(sid)

    @io.on("leave-room")
    async def leave(sid, room):
        await io.leave_room(sid, room)
        members[room].discard(sid)

    @io.on("say")
    async def say(sid, room, text):
        if sid not in members.get(room, ()):
            return False
        await io.emit("said", text, room)
        return True
""",
            """
import asyncio

def answer(server):
    @server.event
    async def say(who, *message):
        room, text = message
        try:
            server.rooms(who).index(room)
        except ValueError:
            return False
        print("said:", text)
        asyncio.create_task(server.emit("said", text, to=[room]))
        return True
""",
        ],
    )  # fmt: skip


async def test_04_3(check_exercise):
    await check_exercise(
        exercise("04.3"),
        wrong=[
            (moves("await client.call('join-room', new)"), "bob hears: 'red' and 'blue'."),
            (moves("await client.call('leave-room', old)"), "bob hears: neither."),
            (
                moves(
                    "await client.emit('join-room', new)", "await client.emit('leave-room', old)"
                ),
                'an answer to "join-room" with "blue" and "leave-room" with "red", and so',
            ),
            (
                moves(
                    "await client.call('join-room', new)", "await client.emit('leave-room', old)"
                ),
                'an answer to "leave-room" with "red", and so it could not know. emit does not',
            ),
            (  # it happens to be in time
                "import asyncio\n\n"
                + moves(
                    "await client.emit('join-room', new)",
                    "await client.emit('leave-room', old)",
                    "await asyncio.sleep(0.05)",
                ),
                "no sleep is sure to be long enough",
            ),
            (
                "import asyncio\n\n"
                + moves(
                    "asyncio.create_task(client.call('join-room', new))",
                    "asyncio.create_task(client.call('leave-room', old))",
                ),
                'an answer to "join-room" with "blue" and "leave-room" with "red", and so',
            ),
            (  # hard-coded
                moves(
                    "await client.call('join-room', 'blue')",
                    "await client.call('leave-room', 'red')",
                ),
                "erin hears: 'attic'.",
            ),
            (
                moves(
                    "await client.call('join-room', old)", "await client.call('leave-room', new)"
                ),
                "bob hears: 'red'.",
            ),
            (
                moves("client.call('join-room', new)", "await client.call('leave-room', old)"),
                "`client.call(...)` was not awaited",
            ),
            (moves("await client.enter_room(new)"), "AttributeError"),
            (  # the first answer is not both
                "import asyncio\n\n"
                + moves(
                    "tasks = [",
                    "    asyncio.create_task(client.call('join-room', new)),",
                    "    asyncio.create_task(client.call('leave-room', old)),",
                    "]",
                    "await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)",
                ),
                "But your function came back before the client had an answer to",
            ),
            (  # once only
                "moved = set()\n\n"
                + moves(
                    "if client not in moved:",
                    "    moved.add(client)",
                    "    await client.call('join-room', new)",
                    "    await client.call('leave-room', old)",
                ),
                "erin hears: 7.",
            ),
            (  # the answer for another room
                moves(
                    "await client.call('join-room', old)",
                    "await client.emit('join-room', new)",
                    "await client.call('leave-room', old)",
                ),
                'an answer to "join-room" with "blue", and so it could not know',
            ),
            (
                moves(
                    "await client.call('join-room', new)",
                    "await client.emit('leave-room', old)",
                    "await client.call('leave-room', 'nowhere')",
                ),
                'an answer to "leave-room" with "red", and so it could not know',
            ),
            (  # 7 is not "7"
                moves(
                    "await client.call('join-room', str(new))",
                    "await client.call('leave-room', old)",
                ),
                'what is sent to 7, and not what is sent to "attic". What erin hears: neither.',
            ),
            (
                moves(
                    "await client.call('join-room', new)",
                    "await client.call('leave-room', str(old))",
                ),
                "What erin hears: 7.",
            ),
            (
                moves(
                    "if str(old) != str(new):",
                    "    await client.call('join-room', new)",
                    "    await client.call('leave-room', old)",
                ),
                'what is sent to "7", and not what is sent to 7. What erin hears: 7.',
            ),
            (moves("await client.emit('move', (old, new))"), "bob hears: 'red'."),
            (
                moves(
                    "await client.call('enter', new, timeout=0.1)",
                    "await client.call('leave-room', old)",
                ),
                'bob sent "enter", and the server has no handler for it; it has one for',
            ),
        ],
        right=[
            moves("await client.call('leave-room', old)", "await client.call('join-room', new)"),
            moves(
                "assert await client.call('join-room', new) == {'ok': True}",
                "assert await client.call('leave-room', old) == {'ok': True}",
            ),
            "import asyncio\n\n"
            + moves(
                "await asyncio.gather(",
                "    client.call('join-room', new), client.call('leave-room', data=old))",
            ),
            """
import asyncio

async def ask(client, event, room):
    answered = asyncio.Event()
    await client.emit(event, room, callback=lambda answer: answered.set())
    await answered.wait()

async def answer(client, old, new):
    await ask(client, "join-room", new)
    await ask(client, "leave-room", old)
""",
            moves(
                "for event, room in {'join-room': new, 'leave-room': old}.items():",
                "    print(await client.call(event, room, timeout=1))",
                "await client.emit('moved', (old, new))",
            ),
            """
def answer(bob, red, blue):
    async def steps():
        await bob.call("leave-room", red)
        await bob.call("join-room", blue)

    return steps()
""",
            """
import asyncio

async def answer(client, old, new):
    joining = asyncio.create_task(client.call("join-room", new))
    leaving = asyncio.ensure_future(client.call("leave-room", old))
    await asyncio.wait([joining, leaving])
""",
            moves(
                "url = client.connection_url",
                "await client.disconnect()",
                "await client.connect(url)",
                "await client.call('join-room', new)",
            ),
        ],
    )


ROWS = {
    'bob.emit("all", "tea")': ["alice", "bob"],
    'alice.emit("others", "tea")': ["bob"],
    'carol.emit("all", "tea")': ["alice", "bob"],
    'carol.emit("others", "cake")': [],
    'dave.emit("others", "tea")': ["alice", "bob"],
    'alice.emit("all", "Tea")': ["dave"],
}
BOB, ALICE, CAROL, CAKE, DAVE, TEA = ROWS


def guess(changed=None):
    return f"answer = {ROWS | (changed or {})}"


async def test_04_4(check_exercise):
    await check_exercise(
        exercise("04.4"),
        wrong=[
            (guess({BOB: ["alice"]}), "bob is one of them"),
            (guess({ALICE: ["alice", "bob"]}), "The room without the sender"),
            (guess({ALICE: ["bob", "carol", "dave"]}), "carol and dave are not in it"),
            (guess({CAROL: ["alice", "bob", "carol"]}), "does not hear it"),
            (guess({CAROL: []}), "carol may post to a room that she is not in"),
            (guess({CAKE: ["carol"]}), "alone in her room, and the sender is left out"),
            (guess({DAVE: ["alice", "bob", "dave"]}), "another room than tea"),
            (guess({TEA: ["alice", "bob", "dave"]}), "Tea is a room of its own"),
            (guess({BOB: ["alice", "bob", "bob"]}), "bob heard it once, not twice"),
            (guess({BOB: ["alice", "frank"]}), "names 'frank'"),
        ],
        right=[
            guess({BOB: ("bob", "alice")}),
            guess({BOB: {"alice", "bob"}, ALICE: {"bob"}}),
            guess({BOB: "alice, bob", ALICE: "bob", CAKE: "nobody"}),
            guess({CAKE: None, DAVE: "alice and bob"}),
            f"{guess()}\nanswer |= dict.fromkeys([{BOB!r}, {DAVE!r}], ['alice', 'bob'])",
            f"answer = {{{', '.join(f'{row!r}: iter({names})' for row, names in ROWS.items())}}}",
        ],
    )


async def test_04_5(check_exercise):
    await check_exercise(
        exercise("04.5"),
        wrong=[
            (
                starts("await client.emit('join-room', room)", "await client.call('start', room)"),
                'bob had joined and started "chess", bob should have heard "started" and did not',
            ),
            (
                starts("await client.call('start', room)", "await client.call('join-room', room)"),
                'bob should have heard "started" and did not',
            ),
            (
                "import asyncio\n\n"
                + starts(
                    "await client.emit('join-room', room)",
                    "await asyncio.sleep(0.3)",
                    "await client.emit('start', room)",
                ),
                "that was luck, as the server may take longer",
            ),
            (
                starts("await client.call('join-room', room)"),
                'alice and bob should have heard "started"',
            ),
            (
                starts(
                    "await client.call('join-room', 'chess')", "await client.emit('start', 'chess')"
                ),
                'erin had joined and started "go", grace should have heard "started" and did not',
            ),
            (
                starts(
                    "await client.emit('join-room', room)",
                    "await client.call('start', room)",
                    "await client.call('join-room', room)",
                    "await client.call('start', room)",
                ),
                'alice heard "started" more than once',
            ),
            (
                "import asyncio\n\n"
                + starts(
                    "await asyncio.gather(",
                    "    client.call('join-room', room), client.call('start', room))",
                ),
                'bob should have heard "started" and did not',
            ),
            (
                starts("client.call('join-room', room)", "await client.emit('start', room)"),
                "`client.call(...)` was not awaited",
            ),
            (  # each room once, whoever comes
                "joined = set()\n\n"
                + starts(
                    "if room not in joined:",
                    "    joined.add(room)",
                    "    await client.call('join-room', room)",
                    "await client.emit('start', room)",
                ),
                'frank had joined and started "go", frank should have heard "started" and did not',
            ),
            (
                "started = set()\n\n"
                + starts(
                    "if room not in started:",
                    "    started.add(room)",
                    "    await client.call('join-room', room)",
                    "    await client.emit('start', room)",
                ),
                'frank had joined and started "go", erin, frank and grace should have heard',
            ),
            (  # the answer for another room
                "import asyncio\n\n"
                + starts(
                    "await client.emit('join-room', room)",
                    "await client.call('join-room', 'lobby')",
                    "await asyncio.sleep(0.05)",
                    "await client.emit('start', room)",
                ),
                "that was luck, as the server may take longer",
            ),
            (  # no answer in time is no answer
                "import contextlib\n\n"
                + starts(
                    "with contextlib.suppress(Exception):",
                    "    await client.call('join-room', room, timeout=0.01)",
                    "await client.emit('start', room)",
                ),
                'bob should have heard "started" and did not',
            ),
            (
                starts("await client.enter_room(room)", "await client.emit('start', room)"),
                "AttributeError",
            ),
            (
                starts(
                    "await client.call('join', room, timeout=0.1)",
                    "await client.emit('start', room)",
                ),
                'bob sent "join", and the server has no handler for it; it has one for "join-room"',
            ),
        ],
        right=[
            starts("await client.call('join-room', room)", "await client.call('start', room)"),
            "import asyncio\n\n"
            + starts(
                "start = lambda _: asyncio.create_task(client.emit('start', room))",
                "await client.emit('join-room', room, callback=start)",
            ),
            starts(
                "if (await client.call('join-room', room))['ok']:",
                "    await client.emit('start', room)",
            ),
            """
import asyncio

async def answer(client, room):
    joined = asyncio.Event()
    await client.emit("join-room", room, callback=lambda answer: joined.set())
    await joined.wait()
    await client.emit("start", room)
""",
            """
import asyncio

async def answer(client, room):
    async def start(joined):
        await client.emit("start", room)

    await client.emit("join-room", room, callback=start)
""",
            """
import asyncio

async def answer(client, room):
    async def later():
        await client.call("join-room", room)
        await asyncio.sleep(0.15)
        await client.emit("start", room)

    asyncio.create_task(later())
""",
            starts(
                "print(await client.call('join-room', data=room))",
                "await client.call('join-room', room)",
                "await client.emit('hello', room)",
                "await client.emit('start', room)",
            ),
        ],
    )


async def test_the_picture_of_04_5_shows_who_is_left_out():
    one = exercise("04.5")
    names = {}
    exec(one.starter, names)
    text = (await one.picture(names["answer"])).text()
    assert "○ bob and carol: not started" in text
