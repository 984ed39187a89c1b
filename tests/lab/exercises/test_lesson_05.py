from functools import partial

import pytest

from chatlib.lab import exercise


def handler(event, parameters, *body):
    lines = "\n".join(f"        {line}" for line in body)
    return f"    @io.on({event!r})\n    async def {event}({parameters}):\n{lines}\n"


def answer(*handlers, before=""):
    return f"def answer(io):\n    {before or 'pass'}\n" + "\n".join(handlers)


connect = partial(handler, "connect", "sid, environ, auth")
disconnect = partial(handler, "disconnect", "sid, reason")
dm = partial(handler, "dm", "sid, data")

ENTER = connect("await io.enter_room(sid, f\"user:{auth['userId']}\")")
ROOM = "f\"user:{data['user']}\""
NOTE = connect("tabs.setdefault(auth['userId'], []).append(sid)")
FORGET = disconnect("for sids in tabs.values():", "    if sid in sids: sids.remove(sid)")
TABS = "tabs = {}"
EMIT = "await io.emit('dm', data['text'],"


def to(address, *more):
    """Return a handler of dm that emits the text to an address."""
    arguments = ", ".join(["'dm'", "data['text']", f"to={address}", *more])
    return dm(f"await io.emit({arguments})")


def naming(*body):
    return "def answer(kind, name):\n" + "\n".join(f"    {line}" for line in body)


# What reaches all tabs of a user, in ways other than the solution's.
REACHES_A_PERSON = [
    answer(
        ENTER,
        dm(
            f"for member, _ in [*io.manager.get_participants('/', {ROOM})]:",
            "    await io.emit('dm', data['text'], to=member)",
        ),
    ),
    answer(
        NOTE,
        FORGET,
        dm(
            "for tab in tabs.get(data['user'], []):",
            "    await io.emit('dm', data['text'], to=tab)",
        ),
        before=TABS,
    ),
    answer(NOTE, FORGET, to("tabs.get(data['user']) or 'nobody'"), before=TABS),
    answer(
        connect("await io.save_session(sid, auth)", "everybody.append(sid)"),
        disconnect("everybody.remove(sid)"),
        dm(
            "for other in everybody:",
            "    if (await io.get_session(other))['userId'] == data['user']:",
            "        await io.emit('dm', data['text'], room=other)",
        ),
        before="everybody = []",
    ),
    answer(
        ENTER,
        dm(
            "import asyncio",
            f"tasks.append(asyncio.create_task(io.emit('dm', data['text'], to={ROOM})))",
            "await io.emit('sent', to=sid)",
            "return {'ok': True}",
        ),
        before="tasks = []",
    ),
    answer(
        connect("await io.enter_room(sid, 'person %s' % auth['userId'])"),
        dm(
            "queue.append(data)",
            "if len(queue) == 1: io.start_background_task(work)",
        ),
        before="""queue = []
    async def work():
        while queue:
            await io.sleep(0)
            data = queue.pop(0)
            await io.emit('dm', data['text'], room='person %s' % data['user'])
""",
    ),
    answer(
        ENTER,
        dm(
            "import asyncio",
            "def later():",
            f"    tasks.append(asyncio.ensure_future(io.emit('dm', data['text'], {ROOM})))",
            "asyncio.get_running_loop().call_later(0.01, later)",
        ),
        before="tasks = []",
    ),
    """
import socketio

class People(socketio.AsyncNamespace):
    async def on_connect(self, sid, environ, auth):
        await self.enter_room(sid, self.home(auth["userId"]))

    async def on_dm(self, sid, message):
        print("a message")
        await self.emit("dm", message["text"], room=self.home(message["user"]))

    def home(self, user):
        return f"person {user}"

def answer(server):
    server.register_namespace(People("/"))
""",
    """
def answer(io):
    @io.event
    async def connect(sid, environ, auth):
        await io.enter_room(sid, repr(auth["userId"]))

    @io.event
    def dm(sid, data):
        io.start_background_task(io.emit, "dm", data["text"], to=repr(data["user"]))
""",
    # An address of a socket that has gone is nobody's.
    answer(NOTE, dm(f"if data['user'] in tabs: {EMIT} to=tabs[data['user']])"), before=TABS),
    answer(
        connect("user_of[sid] = auth['userId']"),
        dm(f"for s in user_of: user_of[s] == data['user'] and await {EMIT[6:]} to=s)"),
        before="user_of = {}",
    ),
    """
def answer(io):
    @io.event
    async def connect(sid, environ, auth):
        match auth:
            case {"userId": user}:
                await io.enter_room(sid, rooms.setdefault(user, f"room {len(rooms)}"))

    @io.on("*")
    async def anything(event, sid, data):
        if event == "dm":
            await io.emit(event, data["text"], to=rooms.get(data["user"], "no room"))

rooms = {}
""",
    """
from functools import partial

async def enter(io, sid, environ, who):
    await io.enter_room(sid, "u" + str(who["userId"]))

async def pass_on(io, sid, data):
    await io.emit("dm", data["text"], room=["u" + str(data["user"])])

async def answer(io):
    io.on("connect", partial(enter, io))
    io.on("dm", partial(pass_on, io))
""",
]


async def test_05_1(check_exercise):
    await check_exercise(
        exercise("05.1"),
        wrong=[
            (
                answer(
                    connect("sids[auth['userId']] = sid"),
                    to("sids[data['user']]"),
                    before="sids = {}",
                ),
                "After alice wrote to user 2, bob should have heard",
            ),
            (
                answer(NOTE, to("tabs[data['user']][0]"), before=TABS),
                "After alice wrote to user 2, phone should have heard",
            ),
            (
                answer(ENTER, to(ROOM, "skip_sid=sid")),
                "After nobody else had come and alice wrote to user 1, alice should have heard",
            ),
            (
                answer(ENTER, dm("await io.emit('dm', data['text'])")),
                "alice and carol should not have heard",
            ),
            (
                answer(
                    connect("await io.enter_room(sid, auth['userId'])"), to("str(data['user'])")
                ),
                "Nobody did.",
            ),
            (
                answer(ENTER, to("'user:2'")),
                "After nobody else had come and alice wrote to user 1, alice should have heard",
            ),
            (
                answer(ENTER, dm(f"await io.emit('dm', data, to={ROOM})")),
                'but it carried {"user": 1, "text": "milk!"}',
            ),
            (
                answer(connect("await io.enter_room(sid, f\"user:{auth['user']}\")"), to(ROOM)),
                "Your code raised KeyError",
            ),
            # To somebody who is away: no address is everyone's.
            (
                answer(NOTE, FORGET, to("tabs.get(data['user'])"), before=TABS),
                "bob and phone had gone and alice wrote to user 2, alice and carol should not",
            ),
            (
                answer(NOTE, to("tabs.get(data['user'])"), before=TABS),
                "nobody had come as user 22 and alice wrote to user 22, alice and carol",
            ),
            (
                answer(
                    NOTE,
                    disconnect("for user in [u for u in tabs if sid in tabs[u]]: del tabs[user]"),
                    to("tabs.get(data['user']) or 'nobody'"),
                    before=TABS,
                ),
                "phone had gone and alice wrote to user 2, bob should have heard",
            ),
            (
                answer(
                    NOTE,
                    FORGET,
                    dm(
                        "for tab in tabs.get(data['user'], [])[:2]:",
                        "    await io.emit('dm', data['text'], to=tab)",
                    ),
                    before=TABS,
                ),
                "car, phone and watch had come as user 2 and carol wrote to user 2, watch should",
            ),
            (
                answer(
                    connect("await io.enter_room(sid, names.get(auth['userId'], 'x'))"),
                    to("names.get(data['user'], 'x')"),
                    before="names = {1: 'alice', 2: 'bob', 0: 'carol', 22: 'dave'}",
                ),
                'After dave wrote to user "u22", dave and frank should not have heard',
            ),
            (
                answer(
                    connect("await io.enter_room(sid, str(auth['userId'])[:2])"),
                    to("str(data['user'])[:2]"),
                ),
                'After erin wrote to user "U22", dave should not have heard',
            ),
            (
                answer(
                    connect("await io.enter_room(sid, f\"user:{auth['userId']}\".lower())"),
                    to(f"{ROOM}.lower()"),
                ),
                'After dave wrote to user "u22", frank should not have heard',
            ),
            (
                answer(connect("io.enter_room(sid, f\"user:{auth['userId']}\")"), to(ROOM)),
                "was not awaited",
            ),
            # The room 0 is no address, and reaches everyone.
            (
                answer(connect("await io.enter_room(sid, auth['userId'])"), to("data['user']")),
                "After bob wrote to user 0, alice, bob and phone should not have heard",
            ),
            (
                answer(
                    connect("await io.enter_room(sid, str(auth['userId'] or sid))"),
                    to("str(data['user'])"),
                ),
                "After bob wrote to user 0, carol should have heard",
            ),
            (
                answer(
                    connect("await io.enter_room(sid, f\"user:{str(auth['userId']).strip()}\")"),
                    to("f\"user:{str(data['user']).strip()}\""),
                ),
                'After erin wrote to user "U22", dave should not have heard',
            ),
            # What is noted for all is another's as soon as the handler waits.
            (
                answer(
                    ENTER,
                    dm(
                        "last.update(data)",
                        "await io.sleep(0)",
                        "await io.emit('dm', last['text'], to='user:%s' % last['user'])",
                    ),
                    before="last = {}",
                ),
                'user 2 and at once carol to user 0, only carol should have heard "dm"',
            ),
            # Who is there is looked up once, and remembered for good.
            (
                answer(
                    ENTER,
                    dm(
                        f"members = io.manager.get_participants('/', {ROOM})",
                        "for tab in tabs.setdefault(data['user'], [sid for sid, _ in members]):",
                        "    await io.emit('dm', data['text'], to=tab)",
                    ),
                    before=TABS,
                ),
                "car, phone and watch had come as user 2 and carol wrote to user 2, car, phone",
            ),
            (
                answer(
                    connect(
                        "user_of[sid] = auth['userId']",
                        "await io.enter_room(sid, f\"user:{auth['userId']}\")",
                    ),
                    disconnect("await io.close_room(f'user:{user_of[sid]}')"),
                    to(ROOM),
                    before="user_of = {}",
                ),
                "phone had gone and alice wrote to user 2, bob should have heard",
            ),
            # Two ids with the same letters.
            (
                answer(
                    connect("await io.enter_room(sid, ''.join(sorted(str(auth['userId']))))"),
                    to("''.join(sorted(str(data['user'])))"),
                ),
                'nobody had come as user " U22" and dave wrote to user " U22", dave should not',
            ),
            (
                answer(
                    connect("await io.enter_room(sid, str(auth['userId']).lstrip())"),
                    to("str(data['user']).lstrip()"),
                ),
                'nobody had come as user " U22" and dave wrote to user " U22", frank should not',
            ),
            # The text alone is noted for all.
            (
                answer(
                    ENTER,
                    dm(
                        "import asyncio",
                        "state['text'] = data['text']",
                        "await asyncio.sleep(0.01)",
                        f"await io.emit('dm', state['text'], to={ROOM})",
                    ),
                    before="state = {}",
                ),
                "After alice wrote to user 1 and at once carol to user 0, at ",
            ),
            (
                """
def answer(io):
    io.on("connect", lambda sid, environ, who: io.enter_room(sid, str(who["userId"])))
    io.on("dm", lambda sid, data: io.emit("dm", data["text"], room=str(data["user"])))
""",
                "`io.enter_room(...)` and `io.emit(...)` were not awaited",
            ),
        ],
        right=REACHES_A_PERSON,
    )


async def test_05_2(check_exercise):
    shared = "have one room"
    await check_exercise(
        exercise("05.2"),
        wrong=[
            (naming("return str(name)"), 'The user 1 and the group 1 have one room, "1"'),
            (
                naming("return f'user:{name}' if kind == 'user' else str(name)"),
                'The user 2 and the group "user:2" have one room, "user:2"',
            ),
            (
                naming("return str(name) if kind == 'user' else f'group:{name}'"),
                'and the user "group:2" have one room, "group:2"',
            ),
            (naming("return kind"), 'The user 1 and the user 2 have one room, "user"'),
            (
                naming("return f'user:{name}' if kind == 'user' else kind"),
                'The group 1 and the group 2 have one room, "group"',
            ),
            (naming("return (kind, name)"), "should be text that names a room, not ('user', 1)"),
            (naming("f'{kind}:{name}'"), "should be text that names a room, not None"),
            (naming("return f'{kind}:{name}'.encode()"), "should be text that names a room, not b"),
            # Names that are cut, cleaned or prefixed so that two of them meet.
            (naming("return kind + ':' + str(name)[0]"), shared),
            (naming("return f'{kind}:{str(name)[:64]}'"), shared),
            (naming("return f'{kind}:{name}'[-40:]"), shared),
            (naming("return f'{kind}:{str(name)[-1:]}'"), "user 2 and the user 22 have one room"),
            (naming("return f'{kind}:{name}'.lower()"), shared),
            (naming("return f'{kind}:{name}'.strip()"), shared),
            (naming("return kind + str(name).replace(':', '')"), shared),
            (
                naming("name = str(name)", "return name if ':' in name else f'{kind}:{name}'"),
                shared,
            ),
            (
                naming(
                    "name = str(name)",
                    "return name if name.startswith(kind) else f'{kind}:{name}'",
                ),
                'The user 2 and the user "user:2" have one room',
            ),
            (naming("return f'{kind}:{hash(name) % 100}'"), shared),
            (naming("return f'{kind}:{len(str(name))}'"), shared),
            (naming("return ''.join(sorted(f'{kind}:{name}'))"), shared),
            (naming("return f'{kind}:{float(name) if str(name).isdigit() else name}'"), shared),
            (
                naming(
                    "name = str(name)",
                    "return f'{kind}:{int(name)}' if name.isdigit() else f'{kind}:{name}'",
                ),
                shared,
            ),
            (naming("return f'{kind}:{name}'[:5000]"), shared),
            (naming("return f'{kind}:{name}' if name else ''"), "is empty, and to an empty name"),
            (
                naming("import uuid", "return f'{kind}:{name}:{uuid.uuid4()}'"),
                'answer("user", 1) is another name each time',
            ),
            # One name meets another only if it is made for what is written before it.
            (
                naming("return ('_' if kind == 'user' else '__') + str(name)"),
                'The group 1 and the user "_1" have one room, "__1"',
            ),
            (
                naming("return ('user' if kind == 'user' else 'u') + str(name)"),
                'The user 1 and the group "ser1" have one room, "user1"',
            ),
            (
                naming("return f'{name}' + ('!!' if kind == 'user' else '!')"),
                'The user 1 and the group "1!" have one room, "1!!"',
            ),
            # Long names that differ in the middle only.
            (
                naming("name = str(name)", "return f'{kind}:{name[:50]}{name[-50:]}'"),
                'The user "a-very-long-...me-1a-v...-name-" and the user "a-very-long-...me-2',
            ),
            (
                naming("return f'{kind}:{name}' if name != '' else f'{kind}:guest'"),
                'The user "" and the user "guest" have one room, "user:guest"',
            ),
            (
                naming(
                    "import unicodedata", "return unicodedata.normalize('NFC', f'{kind}:{name}')"
                ),
                r'The user "\u00e1na" and the user "a\u0301na" have one room',
            ),
            # Names that meet only after something is made of them.
            (
                naming("from urllib.parse import unquote", "return unquote(f'{kind}:{name}')"),
                'The user 2 and the user "%32" have one room, "user:2"',
            ),
            (
                naming("import html", "return html.unescape(f'{kind}:{name}')"),
                'The user 2 and the user "&#50;" have one room, "user:2"',
            ),
            (
                naming("return ('{kind}:' + str(name)).format(kind=kind)"),
                'The user "user" and the user "{kind}" have one room, "user:user"',
            ),
            (naming("return f'{kind}:' + str(name).format()"), "Your code raised KeyError"),
            (
                naming(
                    "try: return f'{kind}:' + str(name).format()",
                    "except (KeyError, IndexError): return f'{kind}:{name}'",
                ),
                'The user "{{}}" and the user "{}" have one room',
            ),
            (
                naming("return f'{kind}:{name}'.expandtabs()"),
                r'The user "\t2" and the user " \t2" have one room, "user:   2"',
            ),
            (
                naming("return f'{kind}:{str(name).expandtabs(4)}'"),
                r'The user "\t2" and the user " \t2" have one room',
            ),
            # The same name is another object in the next message.
            (naming("return f'{kind}:{id(name)}'"), "is another name each time"),
            (naming("yield f'{kind}:{name}'"), "names a room, not a generator."),
            (
                naming("return f'{kind}:{(str(name).splitlines() or [name])[0]}'"),
                r'The user 2 and the user "2\n" have one room',
            ),
            (naming("return f'{kind}:{hash(name)}'"), 'The user 0 and the user "" have one room'),
            (naming("return f'{kind}:{int(name)}'"), "Your code raised ValueError"),
            (naming("return kind + ':' + name"), "Your code raised TypeError"),
        ],
        right=[
            "answer = '{}:{}'.format",
            "import json\nanswer = lambda *both: json.dumps(both)",
            naming("return repr((kind, name))"),
            naming("return kind[0] + str(name)"),
            naming("return f'{name}:{kind}'"),
            naming("return f'{kind}:{name!r}'"),
            naming("return ('@' if kind == 'user' else '#') + str(name)"),
            naming(
                "import hashlib",
                "return hashlib.sha256(f'{kind} {name}'.encode()).hexdigest()",
            ),
            naming("return rooms.setdefault((kind, name), f'room {len(rooms)}')") + "\nrooms = {}",
            "async def answer(what, which):\n    return f'{what}/{which}'",
            naming("name = str(name)", "return f'{len(name)}:{name}{kind}'"),
            naming("return f'{kind}:{type(name).__name__}:{name}'"),
            naming("import html", "return html.escape(f'{kind}:{name}')"),
            naming("import base64", "return kind + base64.b64encode(str(name).encode()).decode()"),
            naming(
                "match kind:", "    case 'user': return f'@{name}'", "    case _: return f'#{name}'"
            ),
            """
import functools, itertools

numbers = itertools.count()

@functools.cache
def answer(kind, name):
    return f"room {next(numbers)}"
""",
        ],
    )


ME = "me = (await io.get_session(sid))['userId']"
BOTH = "rooms = ['user:%s' % data['user'], 'user:%s' % me]"
SIGNED = "data = data | {'from': me}"


async def test_05_3(check_exercise):
    await check_exercise(
        exercise("05.3"),
        wrong=[
            (
                answer(dm("await io.emit('dm', data, to='user:%s' % data['user'])")),
                "desk and pad should have heard",
            ),
            (
                answer(dm(ME, BOTH, "await io.emit('dm', data | {'from': me}, to=rooms)")),
                "alice should not have heard",
            ),
            (
                answer(dm(ME, BOTH, "await io.emit('dm', data, to=rooms, skip_sid=sid)")),
                'but it carried {"user": 2, "text": "lunch?"}.',
            ),
            (
                answer(
                    dm(
                        ME,
                        BOTH,
                        "data.setdefault('from', me)",
                        "await io.emit('dm', data, to=rooms, skip_sid=sid)",
                    )
                ),
                "After carol wrote to user 2 and claimed to be user 1",
            ),
            (
                answer(
                    dm(
                        ME,
                        "await io.emit('dm', data | {'from': me}, skip_sid=sid)",
                    )
                ),
                "carol should not have heard",
            ),
            (
                answer(
                    dm(
                        ME,
                        BOTH,
                        "for room in rooms:",
                        "    await io.emit('dm', data | {'from': sid}, to=room, skip_sid=sid)",
                    )
                ),
                '"from": 1}, but it carried',
            ),
            # A note to oneself, twice.
            (
                answer(
                    dm(
                        ME,
                        BOTH,
                        SIGNED,
                        "for room in rooms:",
                        "    await io.emit('dm', data, to=room, skip_sid=sid)",
                    )
                ),
                'who is user 1, wrote to user 1 and claimed nothing, desk and pad heard "dm" more',
            ),
            (
                answer(
                    dm(
                        ME,
                        SIGNED,
                        "rooms = ['user:2', 'user:%s' % me]",
                        "await io.emit('dm', data, to=rooms, skip_sid=sid)",
                    )
                ),
                "After phone wrote to user 0 and claimed nothing, carol should have heard",
            ),
            (
                answer(
                    dm(
                        ME,
                        SIGNED,
                        "rooms = ['user:%s' % data['user'], 'user:1']",
                        "await io.emit('dm', data, to=rooms, skip_sid=sid)",
                    )
                ),
                "After carol wrote to user 2 and claimed to be user 1, alice, desk and pad",
            ),
            (
                answer(
                    dm(
                        ME,
                        BOTH,
                        SIGNED,
                        "sids = {s for r in rooms for s, _ in io.manager.get_participants('/', r)}",
                        "await io.emit('dm', data, to=[*sids - {sid}])",
                    )
                ),
                "at once carol to user 22, who is not there, alice, bob, carol and phone should",
            ),
            (
                answer(
                    dm(
                        ME,
                        BOTH,
                        "data = {'user': data['user'], 'text': data['text'], 'from': me}",
                        "await io.emit('dm', data, to=rooms, skip_sid=sid)",
                    )
                ),
                '"room": "red"',
            ),
            (
                answer(
                    dm(
                        ME,
                        BOTH,
                        "io.emit('dm', data | {'from': me}, to=rooms, skip_sid=sid)",
                    )
                ),
                "`io.emit(...)` was not awaited",
            ),
            (
                answer(
                    dm(
                        "me = io.get_session(sid)",
                        "rooms = ['user:%s' % data['user'], 'user:%s' % me['userId']]",
                        "await io.emit('dm', data | {'from': me}, to=rooms, skip_sid=sid)",
                    )
                ),
                "`io.get_session(...)` was not awaited",
            ),
            # The user 0, as the receiver and as the sender.
            (
                answer(
                    dm(
                        "if not data['user']: return",
                        ME,
                        BOTH,
                        "await io.emit('dm', data | {'from': me}, to=rooms, skip_sid=sid)",
                    )
                ),
                "After phone wrote to user 0 and claimed nothing, bob and carol should have heard",
            ),
            (
                answer(
                    dm(
                        f"{ME} or sid",
                        BOTH,
                        "await io.emit('dm', data | {'from': me}, to=rooms, skip_sid=sid)",
                    )
                ),
                '"from": 0}, but it carried',
            ),
            # The sender's rooms are more than its user's.
            (
                answer(
                    dm(
                        ME,
                        SIGNED,
                        "rooms = [*io.rooms(sid), 'user:%s' % data['user']]",
                        "await io.emit('dm', data, to=rooms, skip_sid=sid)",
                    )
                ),
                "After alice wrote to user 2 and claimed nothing, carol should not have heard",
            ),
            (
                answer(
                    dm(
                        ME,
                        SIGNED,
                        "room = io.manager.get_participants",
                        "there, own = ([s for s, _ in room('/', f'user:{u}')",
                        "               if s != sid] for u in (data['user'], me))",
                        "for tab in {*there, *own[:1]}:",
                        "    await io.emit('dm', data, to=tab)",
                    )
                ),
                "After alice wrote to user 2 and claimed nothing, pad should have heard",
            ),
            # What is noted for all is another's as soon as the handler waits.
            (
                answer(
                    dm(
                        "last.update(sid=sid, me=(await io.get_session(sid))['userId'])",
                        "await io.sleep(0)",
                        "rooms = ['user:%s' % data['user'], 'user:%s' % last['me']]",
                        "data['from'] = last['me']",
                        "await io.emit('dm', data, to=rooms, skip_sid=last['sid'])",
                    ),
                    before="last = {}",
                ),
                "After alice wrote to user 1 and at once carol to user 22, who is not there, alice",
            ),
        ],
        right=[
            answer(
                dm(
                    ME,
                    SIGNED,
                    "await io.emit('dm', data, to='user:%s' % me, skip_sid=sid)",
                    "if data['user'] != me:",
                    "    await io.emit('dm', data, to='user:%s' % data['user'])",
                )
            ),
            answer(
                dm(
                    ME,
                    BOTH,
                    "sids = {s for r in rooms for s, _ in io.manager.get_participants('/', r)}",
                    "for other in sids - {sid}:",
                    "    await io.emit('dm', {**data, 'from': me}, room=other)",
                )
            ),
            answer(
                dm(
                    "async with io.session(sid) as me:",
                    "    data['from'] = me['userId']",
                    "rooms = tuple('user:%s' % name for name in (data['user'], data['from']))",
                    "io.start_background_task(io.emit, 'dm', data, list(rooms), None, [sid])",
                    "return {'ok': True}",
                )
            ),
            answer(
                dm(
                    ME,
                    BOTH,
                    SIGNED,
                    "import asyncio",
                    "tasks.append(asyncio.create_task(",
                    "    io.emit('dm', data, to=rooms, skip_sid=sid)))",
                    "await io.emit('read', data['text'], to=sid)",
                ),
                before="tasks = []",
            ),
            """
import socketio

class Letters(socketio.AsyncNamespace):
    async def on_dm(self, sid, letter):
        me = (await self.get_session(sid))["userId"]
        rooms = list({f"user:{letter['user']}", f"user:{me}"})
        await self.emit("dm", dict(letter, **{"from": me}), room=rooms, skip_sid=sid)

def answer(io):
    # Beside the handler that is there already, which a namespace would hide.
    letters = Letters("/")
    letters._set_server(io)
    io.on("dm", letters.on_dm)
""",
            # Other ways to let nobody hear it twice.
            answer(
                dm(
                    ME,
                    SIGNED,
                    "there = 'user:%s' % data['user']",
                    "others = [s for s, _ in io.manager.get_participants('/', there)]",
                    "await io.emit('dm', data, to=there, skip_sid=sid)",
                    "await io.emit('dm', data, to='user:%s' % me, skip_sid=[sid, *others])",
                )
            ),
            answer(
                dm(
                    ME,
                    BOTH,
                    "await io.leave_room(sid, 'user:%s' % me)",
                    "await io.emit('dm', data | {'from': me}, to=rooms)",
                    "await io.enter_room(sid, 'user:%s' % me)",
                )
            ),
            answer(
                dm(
                    ME,
                    BOTH,
                    "import asyncio",
                    "post = partial(io.emit, 'dm', data | {'from': me}, skip_sid=sid)",
                    "await asyncio.gather(*(post(to=room) for room in set(rooms)))",
                ),
                before="from functools import partial",
            ),
            """
async def answer(io):
    async def post(sid, data):
        me = await io.get_session(sid)
        rooms = [room for room in io.rooms(sid) if room[:5] == "user:"] + [f"user:{data['user']}"]
        await io.emit("dm", {**data, "from": me["userId"]}, rooms, skip_sid=sid)
    io.on("dm", post)
""",
        ],
    )


GUESS = {
    'carol.emit("dm", {"user": 2})': ["bob", "phone"],
    'phone.emit("dm", {"user": 1})': ["alice", "desk", "bob"],
    'alice.emit("dm", {"user": 1})': ["desk"],
    'alice.emit("dm", {"user": 9})': ["desk"],
    'carol.emit("dm", {"user": "2"})': ["bob", "phone"],
    'carol.emit("dm", {"user": "user:2"})': [],
}


def guess(row=None, heard=()):
    """Return the right guess, but for one row if it is given."""
    assert row is None or row in GUESS
    return f"answer = {GUESS | ({row: heard} if row else {})!r}"


async def test_05_4(check_exercise):
    self, away = 'alice.emit("dm", {"user": 1})', 'alice.emit("dm", {"user": 9})'
    await check_exercise(
        exercise("05.4"),
        wrong=[
            (guess('carol.emit("dm", {"user": 2})', ["bob"]), "both his tabs"),
            (guess('phone.emit("dm", {"user": 1})', ["alice", "desk"]), "Bob's other tab"),
            (guess(self, ["desk", "desk"]), "one set of sockets"),
            (guess(self, ["alice", "desk"]), "one set of sockets"),
            (guess(away, []), "still in the list"),
            (guess(away, ["desk", "bob", "phone", "carol"]), "still in the list"),
            (guess('carol.emit("dm", {"user": "2"})', []), "the same name of a room"),
            (guess('carol.emit("dm", {"user": "user:2"})', ["bob", "phone"]), "user:user:2"),
        ],
        right=[
            guess(),
            f"answer = { {row: tuple(heard) for row, heard in GUESS.items()}!r}",
            f"answer = { {row: heard[::-1] for row, heard in GUESS.items()}!r}",
            f"answer = { {row: set(heard) for row, heard in GUESS.items()}!r}",
            f"answer = dict({[*GUESS.items()][::-1]!r})",
            f"answer = { {row: ' and '.join(heard) for row, heard in GUESS.items()}!r}",
        ],
    )


async def test_05_5(check_exercise):
    away = "bob and phone had gone and alice wrote to user 2, alice and carol should not have heard"
    text = "await io.emit('dm', data['text'], to=tabs[data['user']])"
    await check_exercise(
        exercise("05.5"),
        wrong=[
            (answer(NOTE, FORGET, to("tabs.get(data['user'], [])"), before=TABS), away),
            (answer(NOTE, FORGET, to("tabs[data['user']]"), before=TABS), away),
            (
                answer(NOTE, FORGET, dm("if data['user'] in tabs:", f"    {text}"), before=TABS),
                away,
            ),
            (
                answer(
                    NOTE,
                    disconnect(
                        "for user in list(tabs):",
                        "    tabs[user] = [one for one in tabs[user] if one != sid]",
                        "    if not tabs[user]: del tabs[user]",
                    ),
                    to("tabs.get(data['user'])"),
                    before=TABS,
                ),
                away,
            ),
            (
                answer(NOTE, FORGET, to("tabs.get(data['user']) or sid"), before=TABS),
                "alice should not have heard",
            ),
            (
                answer(NOTE, to("tabs[data['user']]"), before=TABS),
                "Your code raised KeyError",
            ),
            (
                answer(
                    NOTE,
                    disconnect(
                        "for user, sids in tabs.items():",
                        "    if sid in sids: sids.remove(sid)",
                        "    if not sids: del tabs[user]",
                    ),
                    dm("if data['user'] in tabs:", f"    {text}"),
                    before=TABS,
                ),
                "Your code raised RuntimeError: dictionary changed size during iteration",
            ),
            (
                answer(NOTE, FORGET, to("tabs.get(data['user']) or [None]"), before=TABS),
                away,
            ),
            (
                answer(
                    NOTE,
                    FORGET,
                    dm("if tabs.get(data['user']):", f"    {text[:-1]}, skip_sid=sid)"),
                    before=TABS,
                ),
                "After nobody else had come and alice wrote to user 1, alice should have heard",
            ),
            (
                answer(
                    NOTE,
                    FORGET,
                    dm("if len(tabs) > 1 and tabs.get(data['user']):", f"    {text}"),
                    before=TABS,
                ),
                "After nobody else had come and alice wrote to user 1, alice should have heard",
            ),
            (
                answer(
                    NOTE,
                    FORGET,
                    dm("if len(tabs.get(data['user'], [])) > 1:", f"    {text}"),
                    before=TABS,
                ),
                "After nobody else had come and alice wrote to user 1, alice should have heard",
            ),
        ],
        right=[
            *REACHES_A_PERSON[:3],
            exercise("05.1").solution_text,
            answer(NOTE, FORGET, dm("if tabs.get(data['user']):", f"    {text}"), before=TABS),
            answer(
                NOTE,
                FORGET,
                dm("if not tabs.get(data['user']):", "    return {'ok': False}", text),
                before=TABS,
            ),
            answer(NOTE, FORGET, to("[*tabs.get(data['user'], []), 'nobody']"), before=TABS),
            answer(
                NOTE,
                disconnect(
                    "for user, sids in list(tabs.items()):",
                    "    if sid in sids: sids.remove(sid)",
                    "    if not sids: del tabs[user]",
                ),
                dm("if data['user'] in tabs:", f"    {text}"),
                before=TABS,
            ),
            answer(
                NOTE,
                FORGET,
                dm(
                    "if not tabs.get(data['user']):",
                    "    return await io.emit('away', data['user'], to=sid)",
                    text,
                ),
                before=TABS,
            ),
        ],
    )


@pytest.mark.parametrize("number", ["05.1", "05.3", "05.5"])
async def test_an_answer_without_a_handler(number):
    verdict = await exercise(number).judge(lambda io: None)
    assert verdict.kind == "wrong"
    assert '"dm"' in verdict.message
