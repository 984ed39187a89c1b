from chatlib.lab import exercise


def guess(number, *heard):
    rows = exercise(number).starter.split("...")
    filled = "".join(f"{row}{who!r}" for row, who in zip(rows, heard, strict=False))
    return filled + rows[-1]


def by_hand(*lines, before="import json\n\n\n"):
    return f"{before}async def answer(dave, text):\n    " + "\n    ".join(lines)


def staff(say, join="await self.enter_room(sid, table)", before="import socketio\n\n\n"):
    return (
        f"{before}def answer(io):\n    class Staff(socketio.AsyncNamespace):\n"
        f"        async def on_join(self, sid, table):\n            {join}\n\n"
        f"        async def on_say(self, sid, data):\n            {say}\n\n"
        '    io.register_namespace(Staff("/staff"))'
    )


async def test_10_1(check_exercise):
    both, all_three = ["alice", "bob"], ["alice", "bob", "dave"]
    nobody = []
    await check_exercise(
        exercise("10.1"),
        wrong=[
            (guess("10.1", both, both, [], [], [], all_three), "Before the 40 Dave is nobody"),
            (guess("10.1", ["dave"], both, [], [], [], all_three), "Before the 40"),
            (guess("10.1", [], all_three, [], [], [], all_three), "skip_sid leaves out"),
            (guess("10.1", [], [], [], [], [], all_three), "skip_sid leaves out"),
            (guess("10.1", [], both, both, [], [], all_three), "Capitals count"),
            (guess("10.1", [], both, [], both, [], all_three), "Dave is not in /admin"),
            (guess("10.1", [], both, [], [], both, all_three), "passes nothing on by itself"),
            (guess("10.1", [], both, [], [], ["dave"], all_three), "passes nothing on by itself"),
            (guess("10.1", [], both, [], [], [], both), "Dave is a socket like the others"),
        ],
        right=[
            guess("10.1", "nobody", both, nobody, (), None, "everyone"),
            guess("10.1", [], "alice and bob", [], [], [], "alice, bob, dave"),
            guess("10.1", set(), {"bob", "alice"}, "nobody", "none", "no one", all_three[::-1]),
            guess("10.1", "", ("alice", "bob"), "", "", "", tuple(all_three)),
            guess("10.1", [], ["Alice", "BOB"], [], [], [], ["everybody"]),
        ],
    )


LOOP = (
    "while True:",
    "    frame = await dave.receive()",
    '    if frame == "2": await dave.send("3")',
    '    if frame[:2] == "43": return json.loads(frame[frame.index("["):])[0]',
)
ASK = 'await dave.send("427" + json.dumps(["shout", text]))'


async def test_10_2(check_exercise):
    await check_exercise(
        exercise("10.2"),
        wrong=[
            (by_hand("pass"), 'should have heard "shout" once; it heard it never'),
            (by_hand(ASK, *LOOP), "dave was never let in: nothing but 40 asks for it"),
            (by_hand('await dave.send("40")', *LOOP), 'the server never heard "shout"'),
            (
                by_hand('await dave.send("40")', ASK.replace("427", "42"), *LOOP),
                '"shout" came without a number, so the server does not answer it',
            ),
            (
                by_hand('await dave.send("40")', ASK, *LOOP[:2], LOOP[3]),
                "The server sent 2, a ping, before its answer, and dave did not send 3, a pong",
            ),
            (  # the pong to the first ping only
                by_hand(
                    'await dave.send("40")',
                    ASK,
                    'await dave.send("3")',
                    *LOOP[:2],
                    LOOP[3],
                ),
                "dave sent 3, a pong, though no ping had come",
            ),
            (  # writes JSON by hand
                by_hand(
                    'await dave.send("40")', """await dave.send(f'421["shout","{text}"]')""", *LOOP
                ),
                "erin sent a message that is no packet: after the digits there has to be JSON",
            ),
            (
                by_hand('await dave.send("40")', ASK, *LOOP[:3], LOOP[3].replace("[0]", "")),
                'The server answered "HELLO", and your function returned the whole list',
            ),
            (
                by_hand(
                    'await dave.send("40")',
                    ASK,
                    *LOOP[:3],
                    '    if frame[:2] == "43": return frame',
                ),
                "your function returned the frame",
            ),
            (
                by_hand(
                    'await dave.send("40")', ASK, *LOOP[:3], '    if frame[:2] == "43": return'
                ),
                "your function returned nothing",
            ),
            (  # the number 43 stands in the news
                by_hand(
                    'await dave.send("40")',
                    ASK,
                    *LOOP[:3],
                    """    if '43' in frame: return json.loads(frame[frame.index("["):])[0]""",
                ),
                'your function returned "news"',
            ),
            (  # takes the first event for the answer
                by_hand(
                    'await dave.send("40")',
                    ASK,
                    *LOOP[:3],
                    '    if frame[2:3] == "[": return json.loads(frame[2:])[-1]',
                ),
                'The server answered "HELLO", and your function returned "it rains"',
            ),
            (  # truth in the place of "has come"
                by_hand(
                    "result = None",
                    'await dave.send("40")',
                    ASK,
                    "while not result:",
                    *LOOP[1:3],
                    '    if frame[:2] == "43": result = json.loads(frame[3:])[0]',
                    "return result",
                ),
                "The server has answered 0, and your function goes on waiting",
            ),
            (  # two arguments
                by_hand(
                    'await dave.send("40")',
                    ASK.replace("text]", "text, 1]"),
                    *LOOP,
                ),
                '"shout" should have carried "hello", but it carried "hello", 1',
            ),
            (  # sends it twice, to be sure
                by_hand('await dave.send("40")', ASK, ASK.replace("427", "428"), *LOOP),
                "it heard it 2 times",
            ),
            (
                by_hand(
                    'await dave.send("40")',
                    ASK.replace('"427"', 'b"427"').replace("]))", "]).encode())"),
                    *LOOP,
                ),
                "dave sent bytes, and a packet is text",
            ),
            (by_hand('await dave.send("40/admin,")', ASK, *LOOP), "dave was never let in"),
            (  # not awaited
                by_hand('dave.send("40")', ASK, *LOOP),
                "was not awaited",
            ),
        ],
        right=[
            by_hand(
                'await dave.send("40")',
                "assert (await dave.receive())[0] == '0'",
                "assert (await dave.receive()).startswith('40')",
                ASK,
                *LOOP,
            ),
            by_hand('await dave.send("40{}")', ASK.replace("427", "420"), *LOOP),
            by_hand('await dave.send("40/,")', ASK.replace("427", "4212345"), *LOOP),
            by_hand(
                'await dave.send("40")',
                """await dave.send('421["shout", ' + json.dumps(text, indent=1) + ' ]')""",
                *LOOP,
            ),
            by_hand(
                "print(dave)",
                'await dave.send(\'40{"name":"d"}\')',
                ASK,
                "pongs = 0",
                "while not (frame := await dave.receive()).startswith('437'):",
                "    if frame == '2':",
                "        pongs += 1",
                "        await dave.send('3')",
                "return json.loads(frame[3:]).pop()",
            ),
            by_hand(
                'await dave.send("40")',
                ASK,
                "async for frame in frames(dave):",
                '    if frame[:3] == "437":',
                "        return json.loads(frame[3:])[0]",
                before=(
                    "import json\n\n\nasync def frames(dave):\n    while True:\n"
                    "        frame = await dave.receive()\n"
                    '        if frame == "2":\n            await dave.send("3")\n'
                    "        yield frame\n\n\n"
                ),
            ),
        ],
    )


async def test_10_3(check_exercise):
    admins, main = ["alice", "carol"], ["alice", "bob"]
    good = (["bob"], admins, main, ["alice"], [])
    await check_exercise(
        exercise("10.3"),
        wrong=[
            (guess("10.3", ["bob", "carol"], *good[1:]), "It goes to /, where Carol is not"),
            (guess("10.3", main, *good[1:]), "leaves out the speaker"),
            (guess("10.3", ["bob"], ["carol"], *good[2:]), "self.emit stays in /admin"),
            (guess("10.3", ["bob"], "everyone", *good[2:]), "self.emit stays in /admin"),
            (guess("10.3", *good[:2], admins, *good[3:]), "io.emit goes to /"),
            (guess("10.3", *good[:2], "everyone", *good[3:]), "io.emit goes to /"),
            (guess("10.3", *good[:3], [], []), "Her id in / is an address in /"),
            (guess("10.3", *good[:4], ["alice"]), "each namespace has its own"),
        ],
        right=[
            guess("10.3", "bob", "alice, carol", "alice, bob", "alice", "nobody"),
            guess("10.3", ("bob",), tuple(admins), tuple(main), ("alice",), ()),
            guess("10.3", {"bob"}, set(admins), set(main), {"alice"}, None),
            guess("10.3", ["BOB"], admins[::-1], main[::-1], ["Alice"], "none"),
            guess("10.3", ["bob"], "carol and alice", "bob and alice", ["alice"], ""),
        ],
    )


async def test_10_4(check_exercise):
    emit = 'await self.emit("said", data["text"], to=data["table"])'
    await check_exercise(
        exercise("10.4"),
        wrong=[
            (
                staff('await io.emit("said", data["text"])'),
                'dave and guest heard "said" in the namespace /',
            ),
            (
                staff('await io.emit("said", data["text"], namespace="/staff")'),
                "alice and bob should have heard",
            ),
            (staff('await self.emit("said", data["text"])'), "and nobody else"),
            (
                staff('await self.emit("said", data["text"], to=data["table"], skip_sid=sid)'),
                "What happened: bob did",
            ),
            (staff('await self.emit("said", data, to=data["table"])'), "should have carried"),
            (staff('await self.emit("said", data["text"], to=sid)'), "What happened: alice did"),
            (staff('self.emit("said", data["text"], to=data["table"])'), "was not awaited"),
            (
                staff(emit, join="await io.enter_room(sid, table)"),
                "the room was looked for in /, where alice is not",
            ),
            (  # to the room and to everybody in /
                staff(f'{emit}; await io.emit("said", data["text"])'),
                "in the namespace /",
            ),
            (
                staff(emit, join="self.table = table").replace('to=data["table"]', "to=self.table"),
                "should have heard",
            ),
            (  # only one room
                staff('await self.emit("said", data["text"], to="kitchen")'),
                "dave should have heard",
            ),
            (staff(emit).replace("/staff", "/Staff"), "nothing is registered for it"),
            (staff(emit).replace('"/staff"', '"/"'), "nothing is registered for it"),
            (staff(emit).rpartition("\n\n")[0], "Nobody can connect to /staff"),
            (  # who speaks has joined
                staff(f"await self.enter_room(sid, data['table']); {emit}"),
                "What happened: carol and dave did",
            ),
            (  # who joins a table leaves the others
                staff(
                    emit,
                    join="[await self.leave_room(sid, one) for one in self.rooms(sid) "
                    "if one != sid]; await self.enter_room(sid, table)",
                ),
                "dave should have heard",
            ),
            (
                staff(f"if data['text']: {emit}"),
                'erin and fred should have heard "said"',
            ),
            (  # whoever is not at the table is not passed on
                staff(f"if data['table'] in self.rooms(sid): {emit}"),
                "dave should have heard",
            ),
        ],
        right=[
            staff('await io.emit("said", data["text"], to=data["table"], namespace="/staff")'),
            staff(
                'await io.emit("said", data["text"], to=data["table"], namespace=self.namespace)'
            ),
            staff("await self.send_to(**data)", before=("import socketio\n\n\n")).replace(
                "        async def on_say",
                "        async def send_to(self, table, text):\n"
                '            await self.emit("said", text, room=table)\n\n'
                "        async def on_say",
            ),
            staff(
                'await self.emit("said", data["text"], to="t" + data["table"])',
                join='await io.enter_room(sid, "t" + table, namespace="/staff")',
            ),
            (
                'def answer(io):\n    @io.on("join", namespace="/staff")\n'
                "    async def join(sid, table):\n"
                '        await io.enter_room(sid, table, namespace="/staff")\n\n'
                '    @io.on("say", namespace="/staff")\n    async def say(sid, data):\n'
                '        await io.emit("said", data["text"], to=data["table"], namespace="/staff")'
            ),
            staff(f"{emit}; await self.emit('heard by', sid)"),
        ],
    )
