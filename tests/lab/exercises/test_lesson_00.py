from functools import partial

import pytest

from chatlib.lab import exercise

# An answer that forgets an await leaves a coroutine behind, which Python warns of.
NEVER_AWAITED = "ignore:coroutine .* was never awaited:RuntimeWarning"


def handler(event, parameters, *body):
    lines = "\n        ".join(body)
    return (
        f"def answer(io):\n    @io.on({event!r})\n"
        f"    async def handle({parameters}):\n        {lines}"
    )


def in_a_class(event, parameters, *body):
    lines = "\n            ".join(body)
    return (
        "import socketio\n\n\ndef answer(io):\n    class Mine(socketio.AsyncNamespace):\n"
        f"        async def on_{event}(self, {parameters}):\n            {lines}\n\n"
        "    io.register_namespace(Mine('/'))"
    )


def once(event, parameters, line):
    return (
        f"def answer(io):\n    heard = []\n\n    @io.on({event!r})\n"
        f"    async def handle({parameters}):\n        if not heard: {line}\n"
        "        heard.append(sid)"
    )


knock = partial(handler, "knock", "sid")
share = partial(handler, "share", "sid, people")
STEAL = "[name for name, _ in io.manager.get_participants('/', None)]"


@pytest.mark.filterwarnings(NEVER_AWAITED)
async def test_00_1(check_exercise):
    await check_exercise(
        exercise("00.1"),
        wrong=[
            (knock("await io.emit('who is their')"), 'alice heard "who is their"'),
            (knock("await io.emit('who is there', to=sid)"), "bob should have heard"),
            (knock("await io.emit('who is there', skip_sid=sid)"), "alice should have heard"),
            (knock("await io.emit('who is there', 'you?')"), 'but it carried "you?"'),
            (knock("return 'who is there'"), "Nobody did"),
            (knock("print('who is there')"), "Nobody did"),
            (
                knock("await io.emit('who is there'); await io.emit('who is there')"),
                "more than once",
            ),
            (
                knock(f"for name in {STEAL}[:2]:", "    await io.emit('who is there', to=name)"),
                'dave emitted "knock", erin should have heard "who is there" and did not',
            ),
            (handler("knock", "sid, text", "await io.emit('who is there')"), "TypeError"),
            (
                handler("knok", "sid", "await io.emit('who is there')"),
                'alice sent "knock", and the server has no handler for it; it has one for "knok"',
            ),
            (
                once("knock", "sid", "await io.emit('who is there')"),
                'After bob emitted another "knock", alice and bob should have heard',
            ),
            ("def answer(io): io.emit('who is there')", "`io.emit(...)` was not awaited"),
            (knock("io.emit('who is there')"), "`io.emit(...)` was not awaited"),
            # python-socketio awaits what a coroutine function returns, and nothing else.
            (
                "def answer(io): io.on('knock', lambda sid: io.emit('who is there'))",
                "`io.emit(...)` was not awaited",
            ),
            ("def answer(io): pass", "the server has no handler for it"),
        ],
        right=[
            knock("await io.emit(event='who is there', to=None)"),
            knock(
                "print(sid)", "await io.emit('heard you', to=sid)", "await io.emit('who is there')"
            ),
            knock("io.start_background_task(io.emit, 'who is there')"),
            knock(f"for name in {STEAL}:", "    await io.emit('who is there', to=name)"),
            in_a_class("knock", "sid", "await self.emit('who is there')"),
            (
                "def answer(io):\n    async def knock(sid): await io.emit('who is there')\n\n"
                "    io.on('knock', handler=knock)"
            ),
            (
                "def answer(io):\n    @io.event\n    async def knock(who, *more):\n"
                "        await io.emit('who is there')"
            ),
        ],
    )


async def test_00_2(check_exercise):
    hello, secret, length, password = (
        line.code for line in exercise("00.2").lines if line.heard is not None
    )

    def guess(**changed):
        guesses = {
            hello: ["alice", "bob", "carol"],
            secret: ["carol"],
            length: [],
            password: [],
        }
        rows = {"hello": hello, "secret": secret, "length": length, "password": password}
        return f"answer = {guesses | {rows[key]: value for key, value in changed.items()}!r}"

    await check_exercise(
        exercise("00.2"),
        wrong=[
            (guess(hello=["bob"]), "alice and carol heard it, and your guess leaves them out"),
            (guess(hello=["bob", "carol"]), "the name in it is only data"),
            (guess(secret=["alice", "bob", "carol"]), "alice and bob did not hear it"),
            (guess(secret=[]), "to=sid is the one who asked"),
            (guess(length=["bob"]), "An answer is not an emission"),
            (guess(password=["alice", "carol"]), "goes to the server alone"),
            (guess(hello=["alice", "bob", "carl"]), "'carl'; there are alice, bob and carol"),
            ("answer = ['alice']", "A guess is a dict"),
        ],
        right=[
            guess(),
            guess(hello=("carol", "bob", "alice"), secret=("carol",), length=()),
            guess(hello={"alice", "bob", "carol"}, secret={"carol"}),
            guess(hello="alice, bob and carol", secret="carol", length="nobody", password="nobody"),
            guess(hello="everyone", password=None),
            (
                f"people = ['alice', 'bob', 'carol']\nanswer = {{{hello!r}: people, "
                f"{secret!r}: people[2:], {length!r}: [], {password!r}: [], 'beside': ['bob']}}"
            ),
        ],
    )


@pytest.mark.filterwarnings(NEVER_AWAITED)
async def test_00_3(check_exercise):
    divide = "await io.emit('each', 12 / people)"
    nobody = "await io.emit('nobody', to=sid)"
    await check_exercise(
        exercise("00.3"),
        wrong=[
            (share(divide), "ZeroDivisionError"),
            (share("if people:", f"    {divide}"), 'bob should have heard "nobody". Nobody did'),
            (
                share("if people:", f"    {divide}", "else:", "    await io.emit('nobody')"),
                'emitted "share" with 0, alice should not have heard "nobody"',
            ),
            (
                share("if people:", f"    {divide[:-1]}, to=sid)", "else:", f"    {nobody}"),
                'alice should have heard "each" and did not',
            ),
            (
                share("if people:", "    await io.emit('each', 4)", "else:", f"    {nobody}"),
                'alice emitted "share" with 1, "each" should have carried 12.0, but it carried 4.',
            ),
            (
                share(
                    "if people:",
                    "    await io.emit('each', 12 // people)",
                    "else:",
                    f"    {nobody}",
                ),
                "should have carried 1.5, but it carried 1.",
            ),
            (
                share("if people:", f"    {divide}", "else:", "    return 'nobody'"),
                'bob should have heard "nobody". Nobody did',
            ),
            (
                share("if people:", "    io.emit('each', 12 / people)", "else:", f"    {nobody}"),
                "`io.emit(...)` was not awaited",
            ),
            (
                share("if people:", "    print(12 / people)", "else:", f"    {nobody}"),
                'should have heard "each". Nobody did',
            ),
            (
                share(
                    "if people:", f"    {divide}", "else:", "    await io.emit('nobody', 0, to=sid)"
                ),
                '"nobody" should have carried nothing, but it carried 0.',
            ),
            (
                share(f"if people <= 1: {nobody}", f"else: {divide}"),
                'After alice emitted "share" with 1, alice and bob should have heard "each"',
            ),
            (
                share("if people: await io.emit('each', round(12 / people, 2))", f"else: {nobody}"),
                '"each" should have carried',
            ),
            (
                share(
                    f"if not people: return {nobody}",
                    "io.share = getattr(io, 'share', 0) or 12 / people",
                    "await io.emit('each', io.share)",
                ),
                '"share" with 1, "each" should have carried 12.0, but it carried 4.0.',
            ),
            (
                share(
                    f"if not people: return {nobody}",
                    "await io.emit('each', {1: 12, 3: 4, 8: 1.5}.get(people))",
                ),
                "but it carried nothing.",
            ),
            (
                share(
                    "io.asker = getattr(io, 'asker', sid)",
                    "if people: return " + divide,
                    "await io.emit('nobody', to=io.asker)",
                ),
                'After dave emitted "share" with 0, dave should have heard "nobody" and did not.',
            ),
            (
                share("if people:", f"    {divide}", nobody),
                'After bob emitted "share" with 3, bob should not have heard "nobody".',
            ),
            (
                share(
                    "if not people:", f"    {nobody}", "await io.emit('each', 12 / (people or 1))"
                ),
                'emitted "share" with 0, alice and bob should not have heard "each".',
            ),
        ],
        right=[
            share("try:", f"    {divide}", "except ZeroDivisionError:", f"    {nobody}"),
            share(
                "some = people > 0",
                "event, data, to = ('each', 12 / people, None) if some else ('nobody', None, sid)",
                "await io.emit(event, data, to)",
            ),
            share(f"if not people: return {nobody}", divide),
            share(f"if not people: return {nobody}", "await io.emit('each', 1 / people * 12)"),
            share(
                "if people: io.start_background_task(io.emit, 'each', 12 / people)",
                "else: io.start_background_task(io.emit, 'nobody', room=sid)",
            ),
            in_a_class(
                "share",
                "sid, people",
                "print(people)",
                "await self.emit('asked', people)",
                "match people:",
                "    case 0: await self.emit('nobody', to=sid)",
                "    case _: await self.emit('each', 12 / people)",
            ),
            (
                "import asyncio\nasked = []\n\n\nasync def tell(io, sid, people):\n"
                "    if people < 1:\n        await io.emit('nobody', to=sid)\n"
                "    else:\n        await io.emit('each', 12 / people)\n\n\n"
                "def answer(server):\n    @server.event\n    async def share(who, number):\n"
                "        asked.append(asyncio.create_task(tell(server, who, number)))"
            ),
        ],
    )
