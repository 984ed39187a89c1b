from exercise_checks import check_exercise

from chatlib.lab import exercise

TIMEOUT = "import socketio\nTimeout = socketio.exceptions.TimeoutError\n"


def share(*body):
    lines = "\n".join(f"        {line}" for line in body)
    return f"def answer(io):\n    @io.on('share')\n    async def share(sid, *numbers):\n{lines}\n"


def client(*body):
    lines = "\n".join(f"    {line}" for line in body)
    return f"{TIMEOUT}async def answer(client, text):\n{lines}\n"


def note(*body, before="pass"):
    lines = "\n".join(f"        {line}" for line in body)
    return (
        "import asyncio\nfrom collections import defaultdict\n"
        f"def answer(io):\n    {before}\n    @io.on('note')\n"
        f"    async def note(sid, text):\n{lines}\n"
    )


async def test_07_1():
    good = "    return {'ok': True, 'each': numbers[0] // numbers[1]}"
    bad = "    return {'ok': False, 'error': 'Two numbers.'}"
    await check_exercise(
        exercise("07.1"),
        [
            (
                share("return {'ok': True, 'each': numbers[0] // numbers[1]}"),
                'called "share" with (12, 0), the handler raised ZeroDivisionError',
            ),
            (
                share("try:", good, "except ZeroDivisionError:", bad),
                'called "share" with (12,), the handler raised IndexError',
            ),
            (
                share("try:", good, "except (ZeroDivisionError, IndexError):", bad),
                'with (12, 4, 1), "ok" should have been false',
            ),
            (
                share(
                    "if len(numbers) != 2:",
                    bad,
                    "try:",
                    good,
                    "except ZeroDivisionError:",
                    bad,
                ),
                "with ('many', 4), the handler raised TypeError",
            ),
            (
                share("try:", good, "except Exception as error:", "    return error"),
                "with (12, 0), the handler raised TypeError",
            ),
            (
                share("try:", good, "except Exception:", "    pass"),
                'should have had an "ok", but it was None',
            ),
            (
                share("try:", good, "except Exception:", "    return {'ok': False}"),
                'a sentence as "error": it was',
            ),
            (share("return {'ok': False, 'error': 'No.'}"), "the answer should have been {'ok': T"),
            (
                share("sweets, people = numbers", "return sweets // people"),
                'should have had an "ok", but it was 3',
            ),
            ("def answer(io): pass", "there was no answer"),
        ],
    )


async def test_07_2():
    sent = "return 'sent' if got['ok'] else got['error']"
    call = "    got = await client.call('message', text, timeout=0.5)"
    gone = ("except Timeout:", "    return 'no answer'")
    await check_exercise(
        exercise("07.2"),
        [
            (
                client("got = await client.call('message', text, timeout=0.5)", sent),
                "should have returned 'no answer', but it raised",
            ),
            (  # Python's own
                client("try:", call, "except TimeoutError:", "    return 'no answer'", sent),
                "should have returned 'no answer', but it raised",
            ),
            (
                client("try:", "    got = await client.call('message', text)", *gone, sent),
                "answers a second later, the function should have returned 'no answer', but",
            ),
            (
                client("try:", call, *gone, "return 'sent'"),
                "should have returned 'Say something.', but it returned 'sent'",
            ),
            (
                client("try:", call, *gone, "return got['ok'] or got['error']"),
                "should have returned 'sent', but it returned True",
            ),
            (
                client("try:", call, "except Timeout:", "    return None", sent),
                "should have returned 'no answer', but it returned None",
            ),
            (client("await client.emit('message', text)", "return 'sent'"), "'Say something.'"),
            (
                client(
                    "for _ in range(2):",
                    "    try:",
                    "        got = await client.call('message', text, timeout=0.5)",
                    f"        {sent}",
                    "    except Timeout:",
                    "        pass",
                    "return 'no answer'",
                ),
                'it should have got "message" once, with the text',
            ),
            (client("return 'sent'"), "It got nothing"),
            (
                client("try:", "    got = await client.call('massage', text, timeout=0.5)", *gone),
                "It got nothing",
            ),
        ],
    )


async def test_07_3():
    checked = "checked = await io.call('check', text, to=sid)"
    inside = f"    {checked}"
    noted = "    await io.emit('noted', checked)"
    locks = "turns = defaultdict(asyncio.Lock)"
    await check_exercise(
        exercise("07.3"),
        [
            (
                note(checked, noted.strip()),
                '"noted" came to her as TWO, FOUR, THREE, ONE: not in order',
            ),
            (
                note("async with turn:", inside, noted, before="turn = asyncio.Lock()"),
                "While the server waited for bob's answer, alice's note should have come out",
            ),
            (
                note("async with turns[text]:", inside, noted, before=locks),
                "not in order",
            ),
            (
                note("async with turns[sid]:", "    pass", checked, noted.strip(), before=locks),
                "not in order",
            ),
            (
                note("checked = await io.emit('check', text, to=sid)", noted.strip()),
                'should have carried "ZERO", but it carried nothing',
            ),
            (
                note("await io.emit('noted', text)"),
                'should have carried "ZERO", but it carried "zero"',
            ),
            (
                note(
                    "async with turns[sid]:",
                    inside,
                    "    await io.emit('noted', checked, to=sid)",
                    before=locks,
                ),
                'bob should have heard "noted"',
            ),
            (
                note(
                    "async with turns[sid]:",
                    "    checked = await io.call('check', text)",
                    noted,
                    before=locks,
                ),
                "Your code raised ValueError",
            ),
            ("def answer(io): pass", "alice and bob should have heard"),
        ],
    )
