from functools import partial

import pytest

from chatlib.lab import exercise
from support.exercise_checks import function


def handler(event, parameter, *body):
    lines = "\n".join(f"        {line}" for line in body)
    head = f"def answer(io):\n    @io.on({event!r})\n    async def handle(sid, {parameter}):"
    return f"{head}\n{lines}\n"


def server(*lines, before=""):
    """Return an answer that is given as lines of its own, and what stands before it."""
    body = "\n".join(f"    {line}" for line in lines)
    return f"{before}\ndef answer(io):\n{body}\n"


def in_class(event, body):
    return server(
        "io.register_namespace(Chat('/'))",
        before="import socketio\n\nclass Chat(socketio.AsyncNamespace):\n"
        f"    async def on_{event}(self, sid, text):\n        await self.{body}\n",
    )


def remembering(event, body, which=0):
    """Return an answer that notes each sid at connect, and later uses a certain one of them."""
    return server(
        "sids = []",
        "@io.event",
        "def connect(sid, environ, auth):",
        "    sids.append(sid)",
        f"@io.on({event!r})",
        "async def handle(sid, text):",
        f"    first = sids[{which}]",
        f"    {body}",
    )


def with_a_queue(event, body):
    return server(
        "came = asyncio.Queue()",
        "async def work():",
        "    while not came.empty():",
        "        sid, text = await came.get()",
        f"        {body}",
        f"@io.on({event!r})",
        "def handle(*both):",
        "    came.put_nowait(both)",
        "    tasks.append(asyncio.ensure_future(work()))",
        before="import asyncio\n\ntasks = []\n",
    )


def later(event, emission):
    return server(
        f"@io.on({event!r})",
        "async def handle(sid, text):",
        "    loop = asyncio.get_running_loop()",
        f"    loop.call_later(0.1, lambda: tasks.append(loop.create_task({emission})))",
        before="import asyncio\n\ntasks = []\n",
    )


def while_it_waits(event, body):
    """Return an answer that shares what it notes with the handler's next call, and then waits."""
    return server(
        "last = {}",
        f"@io.on({event!r})",
        "async def handle(sid, text):",
        "    last['sid'] = sid",
        "    await io.call('ready?', to=sid)",
        f"    {body}",
    )


def once_for(key, event, body):
    """Return an answer that does it once for each of something."""
    return server(
        "seen = set()",
        f"@io.on({event!r})",
        "async def handle(sid, text):",
        f"    if {key} not in seen:",
        f"        seen.add({key})",
        f"        {body}",
    )


def to_others_of(event, heard, condition="True"):
    """Return an answer that addresses a list of those who are not the sender."""
    return server(
        "there = []",
        "@io.event",
        "def connect(sid, environ, auth):",
        "    there.append(sid)",
        f"@io.on({event!r})",
        "async def handle(sid, text):",
        "    others = [one for one in there if one != sid]",
        f"    if {condition}:",
        f"        await io.emit({heard!r}, text, to=others)",
    )


def to_the_first(event, emission):
    """Return an answer that notes once who is there, and goes through those."""
    return server(
        "there = []",
        f"@io.on({event!r})",
        "async def handle(sid, text):",
        "    there.extend([] if there else io.manager.rooms['/'][None])",
        "    for other in there:",
        "        if other != sid:",
        f"            await {emission}",
    )


def to_each(event, condition, emission):
    """Return an answer that goes through all that are there, one by one."""
    return handler(
        event,
        "text",
        "for other, _ in [*io.manager.get_participants('/', None)]:",
        f"    if {condition}:",
        f"        await {emission}",
    )


question = partial(handler, "question", "text")
joke = partial(handler, "joke", "text")
goal = partial(handler, "goal", "team")
typing = partial(handler, "typing", "name")


async def test_03_1(check_exercise):
    answer_first = "await io.emit('answer', text, to=first)"
    await check_exercise(
        exercise("03.1"),
        [
            (question("await io.emit('answer', text)"), "alice and carol should not have heard"),
            (
                question("await io.emit('answer', text, skip_sid=sid)"),
                'bob should have heard "answer"',
            ),
            (question("await io.emit('answer', 'yes', to=sid)"), 'but it carried "yes"'),
            (question("await io.emit('answer', to=sid)"), "but it carried nothing"),
            (
                question("await io.emit('answer', 'what is io?', to=sid)"),
                'After carol emitted "question", "answer" should have carried "and sid?"',
            ),
            (question("await io.emit('answers', text, to=sid)"), 'bob heard "answers"'),
            (question("return text"), "Nobody did"),
            (question("await io.emit('answer', text, to='sid')"), "Nobody did"),
            (question("await io.emit('answer', text, to=text)"), "Nobody did"),
            (question("io.emit('answer', text, to=sid)"), "`io.emit(...)` was not awaited"),
            (
                question(*["await io.emit('answer', text, to=sid)"] * 2),
                'bob heard "answer" more than once',
            ),
            (
                remembering("question", answer_first),
                'bob should have heard "answer" and did not. What happened: alice heard "answer"',
            ),
            (remembering("question", answer_first, 1), 'After carol emitted "question", carol'),
            (remembering("question", answer_first, -1), 'bob should have heard "answer"'),
            (
                handler("Question", "text", "await io.emit('answer', text, to=sid)"),
                'bob sent "question", and the server has no handler for it; it has one for "Q',
            ),
            (question("await sid.emit('answer', text)"), "AttributeError"),
            (
                once_for("sid", "question", "await io.emit('answer', text, to=sid)"),
                'After bob emitted "question", bob should have heard "answer". Nobody did.',
            ),
            (
                once_for("text", "question", "await io.emit('answer', text, to=sid)"),
                'After grace emitted "question", grace should have heard "answer". Nobody did.',
            ),
            (
                server(
                    "askers = {}",
                    "@io.on('question')",
                    "async def handle(sid, text):",
                    "    await io.emit('answer', text, to=askers.setdefault(text, sid))",
                ),
                'grace should have heard "answer" and did not. What happened: heidi',
            ),
            (question("await io.emit('answer', text[:20], to=sid)"), "what is it that you do?"),
            (
                while_it_waits("question", "await io.emit('answer', text, to=last['sid'])"),
                'emitted "question" at once, alice should have heard "answer" with "question of al',
            ),
            (
                question("await io.emit('answer', text.strip(), to=sid)"),
                'should have carried " why?", but it carried "why?".',
            ),
            (
                question(
                    "await io.enter_room(sid, 'asker')",
                    "await io.emit('answer', text, to='asker')",
                    "await io.leave_room(sid, 'asker')",
                ),
                'emitted "question" at once, alice should not have heard "answer" with "question o',
            ),
        ],
        [
            question("await io.emit('answer', text, sid)"),
            question("await io.emit('answer', text, room=[sid])", "return {'ok': True}"),
            question(
                "await io.emit('asked')",
                "await io.emit('answer', text, to=sid)",
                "await io.emit('answered', text, skip_sid=sid)",
            ),
            question("io.start_background_task(io.emit, 'answer', text, to=sid)"),
            question("await io.call('answer', text, to=sid)"),
            to_each("question", "other == sid", "io.emit('answer', text, to=other)"),
            in_class("question", "emit('answer', text, room=sid)"),
            with_a_queue("question", "await io.emit('answer', text, to=sid)"),
            later("question", "io.emit('answer', text, to=sid)"),
            server("io.on('question', lambda who, what: io.emit('answer', what, to=who))")
            .replace(
                "io.on('question', lambda who, what: ", "io.on('question', lambda who, what: go("
            )
            .replace("to=who)", "to=who))")
            .replace(
                "def answer",
                "import asyncio\n\ndef go(emission):\n"
                "    tasks.append(asyncio.ensure_future(emission))\n\ntasks = []\n\ndef answer",
            ),
        ],
    )


async def test_03_2(check_exercise):
    skip_first = "await io.emit('laugh', text, skip_sid=first)"
    await check_exercise(
        exercise("03.2"),
        [
            (joke("await io.emit('laugh', text)"), "alice should not have heard"),
            (joke("await io.emit('laugh', text, to=sid)"), "bob and carol should have heard"),
            (joke("await io.emit('laugh', skip_sid=sid)"), "but it carried nothing."),
            (joke("await io.emit('laugh', 'ha', skip_sid=sid)"), 'but it carried "ha".'),
            (
                joke("await io.emit('laugh', 'knock knock', skip_sid=sid)"),
                'After carol emitted "joke", "laugh" should have carried "who is there?"',
            ),
            (joke("await sid.emit('laugh', text)"), "AttributeError"),
            (joke("await io.emit('laugh', text, sid)"), "bob and carol should have heard"),
            (
                joke("await io.emit('laugh', text, to=sid, skip_sid=sid)"),
                "bob and carol should have heard",
            ),
            (joke("io.emit('laugh', text, skip_sid=sid)"), "`io.emit(...)` was not awaited"),
            ("def answer(io): pass", 'alice sent "joke", and the server has no handler for it.'),
            (remembering("joke", skip_first), 'After carol emitted "joke", alice should have'),
            (remembering("joke", skip_first, -1), 'After alice emitted "joke", carol should have'),
            (
                to_others_of("joke", "laugh"),
                'After ivan, alone on the server, emitted "joke", ivan should not have heard',
            ),
            (
                once_for("text", "joke", "await io.emit('laugh', text, skip_sid=sid)"),
                'After heidi emitted "joke", dave, erin, frank and grace should have heard "laugh"',
            ),
            (joke("await io.emit('laugh', text.lower(), skip_sid=sid)"), 'carried "a byte walks'),
            (
                joke(
                    "others = [one for one in io.manager.rooms['/'][None] if one != sid]",
                    "for other in others[:3]:",
                    "    await io.emit('laugh', text, to=other)",
                ),
                'heidi should have heard "laugh" and did not',
            ),
            (
                while_it_waits("joke", "await io.emit('laugh', text, skip_sid=last['sid'])"),
                'emitted "joke" at once, niaj should have heard "laugh" with "joke of alice"',
            ),
            (
                server(
                    "@io.event",
                    "async def connect(sid, environ):",
                    "    await io.enter_room(sid, 'all')",
                    "@io.on('joke')",
                    "async def handle(sid, text):",
                    "    await io.leave_room(sid, 'all')",
                    "    await io.emit('laugh', text, to='all')",
                    "    await io.enter_room(sid, 'all')",
                ),
                'emitted "joke" at once, ',
            ),
            (
                to_the_first("joke", "io.emit('laugh', text, to=other)"),
                "When alice, bob, carol and niaj, who came last,",
            ),
            (
                to_each("joke", "True", "io.emit('laugh', text, skip_sid=sid)"),
                'heard "laugh" more than once',
            ),
        ],
        [
            joke("await io.emit('laugh', text, None, None, sid)"),
            joke("await io.emit('laugh', data=(text,), skip_sid=[sid])", "return 'ha'"),
            joke(
                "await io.emit('laugh', text, skip_sid=sid)",
                "await io.emit('quiet, please', to=sid)",
                "await io.emit('noise', 1)",
            ),
            joke("io.start_background_task(io.emit, 'laugh', text, skip_sid=sid)"),
            to_others_of("joke", "laugh", "others"),
            to_each("joke", "other != sid", "io.emit('laugh', text, to=other)"),
            in_class("joke", "emit('laugh', text, skip_sid=sid)"),
            with_a_queue("joke", "await io.emit('laugh', text, skip_sid=sid)"),
            later("joke", "io.emit('laugh', text, skip_sid=sid)"),
        ],
    )


SCORE = "await io.emit('score', team)"
DONE = "await io.emit('well done', to=sid)"


async def test_03_3(check_exercise):
    await check_exercise(
        exercise("03.3"),
        [
            (goal("await io.emit('score', team, to=sid)", DONE), "everyone should have heard"),
            (goal(SCORE), 'alice alone should have heard "well done"'),
            (goal(DONE), 'everyone should have heard "score"'),
            (
                goal("await io.emit('score')", DONE),
                '"score" should have carried "red", but it carried nothing.',
            ),
            (
                goal("await io.emit('score', 'red')", DONE),
                '"score" should have carried "blue", but it carried "red".',
            ),
            (
                goal(SCORE, "await io.emit('well done', team, to=sid)"),
                '"well done" should have carried nothing, but it carried "red".',
            ),
            (goal(DONE, SCORE), '"score" should have come before "well done"'),
            (goal(SCORE, "await io.emit('well done')"), "alice alone should have heard"),
            (
                goal(SCORE, "await io.emit('well done', sid)"),
                'alice alone should have heard "well done"',
            ),
            (goal(SCORE, "await io.emit('welldone', to=sid)"), "alice alone should have heard"),
            (
                goal("await io.emit('score', team, skip_sid=sid)", DONE),
                'everyone should have heard "score"',
            ),
            (goal(SCORE, SCORE, DONE), '"score" came more than once'),
            (goal(SCORE, DONE, DONE), '"well done" came more than once'),
            (goal("io.emit('score', team)", DONE), "`io.emit(...)` was not awaited"),
            (goal("return team"), "nobody heard anything"),
            (
                handler("gaol", "team", SCORE, DONE),
                'alice sent "goal", and the server has no handler for it; it has one for "gaol"',
            ),
            (
                goal(
                    "await io.enter_room(sid, team)", SCORE, "await io.emit('well done', to=team)"
                ),
                'After bob emitted "goal", bob alone should have heard "well done"',
            ),
            (
                once_for("text", "goal", f"team = text; {SCORE}; {DONE}"),
                'After bob emitted "goal", nobody heard anything.',
            ),
            (
                once_for("sid", "goal", f"team = text; {SCORE}; {DONE}"),
                'After alice emitted "goal", nobody heard anything.',
            ),
            (
                server(
                    "scorer = None",
                    "@io.on('goal')",
                    "async def handle(sid, team):",
                    "    nonlocal scorer",
                    "    scorer = sid",
                    f"    {SCORE}",
                    "    await io.emit('well done', to=scorer)",
                ),
                'emitted "goal" at once, alice should have heard "well done".',
            ),
            (
                goal("await io.emit('score', team.strip())", DONE),
                'should have carried " the owls", but it carried "the owls".',
            ),
            (
                server(
                    "there = []",
                    "@io.on('goal')",
                    "async def handle(sid, team):",
                    "    there.extend([] if there else io.manager.rooms['/'][None])",
                    "    for one in there:",
                    "        await io.emit('score', team, to=one)",
                    f"    {DONE}",
                ),
                'who came last, emitted "goal" at once, niaj should have heard "score" with',
            ),
            (
                remembering("goal", f"team = text; {SCORE}; await io.emit('well done', to=first)"),
                'After carol emitted "goal", carol alone should have heard "well done"',
            ),
        ],
        [
            goal(
                "await io.emit('hush')",
                SCORE,
                DONE,
                "await io.emit('hurray', team)",
                "return 'thanks'",
            ),
            goal(
                "await io.emit('score', team, skip_sid=sid)",
                "await io.emit('score', (team,), to=sid)",
                "await io.emit('well done', None, sid)",
            ),
            goal(
                "async def both():",
                f"    {SCORE}",
                f"    {DONE}",
                "io.start_background_task(both)",
            ),
            goal("await io.emit('score', data=team)", "await io.call('well done', to=sid)"),
            with_a_queue("goal", f"team = text; {SCORE}; {DONE}"),
            in_class("goal", "emit('score', text)\n        await self.emit('well done', room=sid)"),
            goal(SCORE, "io.start_background_task(io.emit, 'well done', to=sid)"),
        ],
    )


def guess(twice, missing, found, misspelt):
    return (
        "answer = {\n"
        f'    \'bob.emit("twice", "dinner")\': {twice!r},\n'
        f'    \'alice.emit("tell", ("bob", "I miss you"))\': {missing!r},\n'
        f'    \'carol.emit("tell", ("bob", "see you"))\': {found!r},\n'
        f'    \'bob.emit("tell", ("Bob", "a note to me"))\': {misspelt!r},\n'
        "}\n"
    )


async def test_03_4(check_exercise):
    everyone, bob = ["alice", "bob", "carol"], ["bob"]
    others = ["alice", "carol"]
    twice = [*others, *everyone]
    missing = "no address for bob yet"
    await check_exercise(
        exercise("03.4"),
        [
            (guess(everyone, everyone, bob, everyone), "alice heard it twice, not once; carol"),
            (guess(everyone * 2, everyone, bob, everyone), "bob heard it once, not twice"),
            (guess(others, everyone, bob, everyone), "your guess leaves them out"),
            (guess([*others, *others], everyone, bob, everyone), "bob's too"),
            (guess(twice, bob, bob, everyone), missing),
            (guess(twice, [], bob, everyone), missing),
            (guess(twice, ["bob", "carol"], bob, everyone), missing),
            (guess(twice, everyone, everyone, everyone), "it is bob's alone"),
            (guess(twice, everyone, ["bob", "carol"], everyone), "it is bob's alone"),
            (guess(twice, everyone, bob, []), 'A look-up of "Bob" does not find "bob"'),
            (guess(twice, everyone, bob, bob), 'A look-up of "Bob" does not find "bob"'),
        ],
        [
            guess(twice, "everyone", "bob", "everyone"),
            guess(tuple(twice), set(everyone), {"bob"}, set(everyone)),
            guess("alice alice bob carol carol", everyone[::-1], "bob", "alice, bob and carol"),
            guess(twice[::-1], "carol, bob, alice", ("bob",), tuple(everyone)),
            "nobody, all_three = [], ['alice', 'bob', 'carol']\n"
            + guess(twice, 1, bob, 1).replace(": 1", ": all_three"),
        ],
    )


async def test_03_5(check_exercise):
    skip = "await io.emit('is typing', name, skip_sid=sid)"
    skip_first = "await io.emit('is typing', text, skip_sid=first)"
    await check_exercise(
        exercise("03.5"),
        [
            (
                remembering("typing", skip_first),
                'After bob emitted "typing", alice should have heard "is typing" and did not',
            ),
            (
                remembering("typing", skip_first, -1),
                'After alice emitted "typing", carol should have heard "is typing" and did not',
            ),
            (
                remembering("typing", "await io.emit('is typing', text, skip_sid=sids)"),
                'bob and carol should have heard "is typing". Nobody did.',
            ),
            (
                remembering("typing", "await io.emit('is typing', text, skip_sid=str(sids))"),
                'alice should not have heard "is typing"',
            ),
            (
                server(
                    "who = {}",
                    "@io.on('typing')",
                    "async def typing(sid, name):",
                    "    who.setdefault(name, sid)",
                    "    await io.emit('is typing', name, skip_sid=who[name])",
                ),
                'After grace emitted "typing", erin should have heard "is typing"',
            ),
            (
                to_others_of("typing", "is typing"),
                'After judy, alone on the server, emitted "typing", judy should not have heard',
            ),
            (
                once_for("(sid, text)", "typing", "await io.emit('is typing', text, skip_sid=sid)"),
                'After erin emitted "typing", grace should have heard "is typing". Nobody did.',
            ),
            (
                remembering(
                    "typing",
                    "await io.emit('is typing', text, skip_sid=first if text == 'Alice' else sid)",
                ),
                'After heidi emitted "typing", ivan should have heard "is typing"',
            ),
            (
                while_it_waits("typing", "await io.emit('is typing', text, skip_sid=last['sid'])"),
                'emitted "typing" at once, niaj should have heard "is typing" with "typing of al',
            ),
            (
                to_the_first("typing", "io.emit('is typing', text, to=other)"),
                "When alice, bob, carol and niaj, who came last,",
            ),
            (typing("await io.emit('is typing', name)"), "alice should not have heard"),
            (typing("await io.emit('is typing', name, to=sid)"), "bob and carol should have heard"),
            (
                typing("await io.emit('is typing', 'Alice', skip_sid=sid)"),
                'should have carried "Bob", but it carried "Alice".',
            ),
            (typing("await io.emit('is typing', skip_sid=sid)"), "but it carried nothing."),
            (typing("await io.emit('typing', name, skip_sid=sid)"), 'bob heard "typing"'),
            (typing("io.emit('is typing', name, skip_sid=sid)"), "`io.emit(...)` was not awaited"),
            (
                server(
                    "@io.event",
                    "async def connect(sid, environ, auth):",
                    "    @io.on('typing')",
                    "    async def typing(_, name):",
                    f"        {skip}",
                ),
                'After alice emitted "typing", carol should have heard "is typing" and did not',
            ),
            (
                server("@io.event", "def connect(sid, environ, auth):", "    pass"),
                'alice sent "typing", and the server has no handler for it',
            ),
        ],
        [
            remembering("typing", "await io.emit('is typing', text, skip_sid=sid)"),
            remembering(
                "typing", "[await io.emit('is typing', text, to=s) for s in sids if s != sid]"
            ),
            typing("me = sid", "await io.emit('is typing', name, skip_sid=[me])", "return True"),
            typing(skip, "await io.emit('you are typing', to=sid)"),
            to_others_of("typing", "is typing", "others"),
            remembering(
                "typing", "sids[:] = [sid]; await io.emit('is typing', text, skip_sid=sids)"
            ),
            typing("io.start_background_task(io.emit, 'is typing', name, skip_sid=sid)"),
            in_class("typing", "emit('is typing', text, skip_sid=sid)"),
            with_a_queue("typing", "await io.emit('is typing', text, skip_sid=sid)"),
            to_each("typing", "other != sid", "io.emit('is typing', text, room=other)"),
        ],
    )


@pytest.mark.parametrize("source", ["starter", "solution_text"])
async def test_the_typing_shows_its_bug(source):
    typing = exercise("03.5")
    picture = await typing.picture(function(getattr(typing, source)))
    heard_himself = 'server → bob     "is typing" "Bob"\n'
    assert (heard_himself in f"{picture.text()}\n") == (source == "starter")
