from chatlib.lab import exercise
from chatlib.lab.exercises.lesson_11 import prediction

IMPORT = "from chatlib.messages import EVERYONE, BadInputError\n\n\n"
REFUSE = 'raise BadInputError("There is no such option.")'
KNOWN = f"if option not in list(range(options)): {REFUSE}"
USER = 'chat.members[sid].sender["userId"]'
COUNT = "[[*votes.values()].count(n) for n in range(options)]"
EMIT = 'await chat.io.emit("result", result, to=EVERYONE.room)'


def vote(*lines, outside="", before=IMPORT):
    body = "\n        ".join(lines)
    return (
        f"{before}{outside}def answer(chat, options):\n    {'' if outside else 'votes = {}'}\n"
        f'    @chat.event("vote")\n    async def vote(sid, option):\n        {body}'
    )


def counted(key=USER, check=KNOWN, emit=EMIT, **options):
    return vote(check, f"votes[{key}] = option", f"result = {COUNT}", emit, **options)


async def test_11_1(check_exercise):
    await check_exercise(
        exercise("11.1"),
        wrong=[
            (counted(key="sid"), '"result" should have carried [0, 2], but it carried [1, 2]'),
            (
                counted(key='chat.members[sid].sender["name"]'),
                '"result" should have carried [0, 0, 0, 2], but it carried [0, 0, 0, 1]',
            ),
            (counted(check="pass"), 'called "vote" with 2, which is no option'),
            (
                counted(check=f"if option >= options: {REFUSE}"),
                'carol (user 3) called "vote" with -1, which is no option',
            ),
            (
                counted(check=f"if not 0 <= option < options: {REFUSE}"),
                "TypeError: '<=' not supported between instances of 'int' and 'str'",
            ),
            (
                counted(check="if option not in list(range(options)): return"),
                "which is no option, and the answer was {'ok': True}",
            ),
            (  # what is refused takes the place of what was counted
                vote(f"votes[{USER}] = option", KNOWN, f"result = {COUNT}", EMIT),
                '"result" should have carried [1, 2], but it carried [1, 1]',
            ),
            (counted(emit='await chat.io.emit("result", result, to=sid)'), "should have heard"),
            (
                counted(emit='await chat.io.emit("result", result, skip_sid=sid)'),
                'alice should have heard "result" and did not',
            ),
            (counted(emit="pass"), 'should have heard "result". Nobody did.'),
            (counted(emit="return {'result': result}"), 'should have heard "result". Nobody did.'),
            (  # what is counted belongs to all polls that there ever are
                counted(outside="votes = {}\n\n\n"),
                '"result" should have carried [0, 0, 0, 1], but it carried [1, 2, 0, 1]',
            ),
            (  # the first vote stays
                vote(KNOWN, f"votes.setdefault({USER}, option)", f"result = {COUNT}", EMIT),
                '"result" should have carried [0, 2], but it carried [1, 1]',
            ),
            (  # each vote counts
                vote(
                    KNOWN,
                    "votes[option] = votes.get(option, 0) + 1",
                    "result = [votes.get(n, 0) for n in range(options)]",
                    EMIT,
                ),
                '"result" should have carried [0, 2], but it carried [1, 2]',
            ),
            (counted(emit='chat.io.emit("result", result)'), "`chat.io.emit(...)` was not awaited"),
            (counted().replace('"vote")', '"votes")'), "There is no such event here"),
        ],
        right=[
            counted(emit='await chat.io.emit("result", result)'),
            counted(check=f"if type(option) is not int or not 0 <= option < options: {REFUSE}"),
            vote(
                f"if option not in [*range(options)]: {REFUSE}",
                f"votes[str({USER})] = option",
                "result = [0] * options",
                "for chosen in votes.values(): result[chosen] += 1",
                'await chat.io.emit("result", result)',
                "return {'result': result}",
            ),
            (
                f"{IMPORT}class Ballot:\n    def __init__(self, chat, options):\n"
                "        self.chat, self.chosen = chat, [set() for _ in range(options)]\n\n"
                "    async def vote(self, sid, option):\n"
                "        if option not in list(range(len(self.chosen))):\n"
                f"            {REFUSE}\n"
                '        user = self.chat.members[sid].sender["userId"]\n'
                "        for each in self.chosen: each.discard(user)\n"
                "        self.chosen[option].add(user)\n"
                "        result = [len(each) for each in self.chosen]\n"
                '        await self.chat.io.emit("result", result)\n\n\n'
                'def answer(chat, options):\n    chat.event("vote")(Ballot(chat, options).vote)'
            ),
            vote(
                "from collections import Counter",
                KNOWN,
                f"votes.update({{{USER}: option}})",
                "counted = Counter(votes.values())",
                "for each in list(chat.members):",
                "    await chat.io.emit('result', [counted[n] for n in range(options)], to=each)",
            ),
            counted(key="chat.members[sid].user"),
        ],
    )


LINES = [line.code for line in prediction.EXERCISE.lines if line.heard is not None]
RIGHT = [line.heard for line in prediction.EXERCISE.lines if line.heard is not None]


def guess(**changes):
    """Return a guess that is right but for some lines, by their numbers: ``_1=["bob"]``."""
    heard = {f"_{n}": names for n, names in enumerate(RIGHT)} | changes
    rows = zip(LINES, heard.values(), strict=True)
    return f"answer = {{{', '.join(f'{line!r}: {names!r}' for line, names in rows)}}}"


async def test_11_2(check_exercise):
    await check_exercise(
        exercise("11.2"),
        wrong=[
            (guess(_0=["bob"]), "those who were sent to Blue"),
            (guess(_0=["alice", "bob", "carol", "dave"]), "those who were sent to Blue"),
            (guess(_1=["alice", "bob"]), "all who are in it but the sender"),
            (guess(_2=["alice", "bob"]), "Carol was sent to Red"),
            (guess(_3=["alice", "carol"]), "whom the instructor did not send there"),
            (guess(_4=["dave"]), "whatever room they are in"),
            (guess(_5=["dave"]), "for the instructor alone"),
            (guess(_6=["bob"]), "Blue was closed"),
            (guess(_7=["alice", "bob", "carol", "dave"]), "Dave was removed"),
        ],
        right=[
            guess(_4="everyone"),
            guess(_2="nobody", _5="none"),
            guess(_0="alice and bob", _1="bob"),
            guess(_7={"carol", "bob", "alice"}),
            guess(_0=("bob", "alice"), _3="Alice"),
        ],
    )


def removal(connect, remove, before="sockets, removed = {}, set()"):
    return (
        f'def answer(io):\n    {before}\n\n    @io.on("connect")\n'
        f"    async def connect(sid, environ, auth):\n        {connect}\n\n"
        f'    @io.on("remove")\n    async def remove(sid, user):\n        {remove}'
    )


ENTER = 'if auth["userId"] in removed: return False\n        sockets[sid] = auth["userId"]'
ALL = "for each in [each for each in sockets if sockets[each] == user]: await io.disconnect(each)"
BOTH = f"removed.add(user)\n        {ALL}"
IF_TEACHER = 'if sockets[sid] != "teacher": return\n        '


async def test_11_3(check_exercise):
    one = "gone = next(each for each in sockets if sockets[each] == user)"
    await check_exercise(
        exercise("11.3"),
        wrong=[
            (
                removal(ENTER, f"{IF_TEACHER}{one}; removed.add(user); await io.disconnect(gone)"),
                "whose tabs are eve and phone, phone is still connected",
            ),
            (
                removal(
                    'if sid in removed: return False\n        sockets[sid] = auth["userId"]',
                    f"{IF_TEACHER}{BOTH}",
                ),
                "eve (user 5) came back and was let in",
            ),
            (removal(ENTER, BOTH), 'bob, who is not the teacher, emitted "remove" with 5, eve and'),
            (removal(ENTER, f"{IF_TEACHER}removed.add(user)"), "eve and phone are still connected"),
            (removal(ENTER, f"{IF_TEACHER}{ALL}"), "eve (user 5) came back and was let in"),
            (
                removal(ENTER, f"{IF_TEACHER}for each in [*sockets]: await io.disconnect(each)"),
                "teacher and bob should still be connected",
            ),
            (  # whoever is away is forgotten, and so is that they are to stay away
                removal(
                    ENTER,
                    f"{IF_TEACHER}if any(sockets[each] == user for each in sockets):\n"
                    "            removed.add(user)\n"
                    f"        {ALL}",
                )
                + "\n\n    @io.on('disconnect')\n    def disconnect(sid, reason):\n"
                "        sockets.pop(sid, None)",
                "who was away, frank (user 6) came back and was let in",
            ),
            (  # numbers only
                removal(ENTER, f"{IF_TEACHER}user = int(user)\n        {BOTH}"),
                "ValueError",
            ),
            (  # closes the class for all
                removal(f"if removed: return False\n        {ENTER}", f"{IF_TEACHER}{BOTH}"),
                "was not removed, and could not come back",
            ),
            (  # is let in, and thrown out by a message only
                removal(ENTER, f"{IF_TEACHER}removed.add(user)\n        await io.emit('removed')"),
                "are still connected",
            ),
        ],
        right=[
            removal(
                ENTER,
                f"if sockets[sid] == 'teacher':\n            {BOTH.replace('        ', ' ' * 12)}",
            ),
            removal(
                'if auth["userId"] in removed: return False\n'
                '        sockets.setdefault(auth["userId"], set()).add(sid)',
                'if sid not in sockets["teacher"]: return\n'
                "        removed.add(user)\n"
                "        for each in sockets.pop(user, set()): await io.disconnect(each)",
            ),
            removal(
                'if str(auth["userId"]) in removed: return False\n'
                '        sockets[sid] = str(auth["userId"])',
                f"{IF_TEACHER}removed.add(str(user))\n"
                "        gone = [each for each, who in sockets.items() if who == str(user)]\n"
                "        import asyncio\n"
                "        await asyncio.gather(*map(io.disconnect, gone))",
            ),
            (
                "from socketio.exceptions import ConnectionRefusedError\n\n\n"
                + removal(
                    'if auth["userId"] in removed: raise ConnectionRefusedError("No.")\n'
                    '        sockets[sid] = auth["userId"]',
                    f"{IF_TEACHER}removed.add(user)\n"
                    "        await io.emit('removed', user)\n"
                    f"        {ALL}",
                )
            ),
            removal(ENTER, f"{IF_TEACHER}{BOTH}")
            + "\n\n    @io.on('disconnect')\n    def disconnect(sid, reason):\n"
            "        sockets.pop(sid, None)",
            removal(
                "if removed.get(auth['userId']): return False\n"
                "        await io.save_session(sid, auth)\n"
                "        sockets.append((sid, auth['userId']))",
                "me = await io.get_session(sid)\n"
                "        if me['userId'] == 'teacher':\n"
                "            removed[user] = True\n"
                "            for each, who in sockets:\n"
                "                if who == user: await io.disconnect(each)",
                before="sockets, removed = [], {}",
            ),
        ],
    )
