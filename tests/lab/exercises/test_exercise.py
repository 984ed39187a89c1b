import asyncio
import gc
import linecache
import os
import re
import signal
import threading
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
import pytest_asyncio
import socketio
from IPython.lib.pretty import pretty

from chatlib import ChatServer
from chatlib.lab import Lab
from chatlib.lab.exercises import (
    Exercise,
    Prediction,
    Repair,
    Stage,
    Verdict,
    exercise,
    exercises,
    reader,
)
from chatlib.lab.exercises.exercise import WrongAnswerError, run
from chatlib.lab.exercises.reader import Code, Watch
from support.exercise_checks import check_exercise, function
from support.waiting import eventually

TIMEOUT = 5  # seconds
# The package has a function of the module's name.
machinery = import_module("chatlib.lab.exercises.exercise")
EXERCISES = exercises()


async def play(answer, stage, scene):
    sender, other, text = scene
    await run(answer, stage.io)
    client, _ = await stage.join(sender, other)
    await client.emit("say", text)
    await stage.expect(f'{sender} emitted "say"', "said", by=[other], data=text)


pass_on = Exercise(
    number="99.1",
    starter="""
def answer(io):
    @io.on("say")
    async def say(sid, text):
        ...
""",
    hint_text="Leave one out.",
    solution_text="""
def answer(io):
    @io.on("say")
    async def say(sid, text):
        await io.emit("said", text, skip_sid=sid)
""",
    praise="Everyone but you.",
    play=play,
    scenes=(("alice", "bob", "hi"), ("dave", "carol", 7)),
)


async def judged(source, an_exercise=pass_on):
    async with asyncio.timeout(TIMEOUT):
        return await an_exercise.judge(function(source))


# -- what comes of an answer -----------------------------------------------------------------------


async def test_right():
    verdict = await judged(pass_on.solution_text)
    assert verdict == Verdict("right", "Everyone but you.")
    assert str(verdict) == "✓ Right. Everyone but you."


async def test_not_yet():
    verdict = await judged(pass_on.starter)
    assert verdict.kind == "not yet"
    assert str(verdict).startswith("… Not yet. Replace the ...")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda source: f"# mine\n\n{source}\n\n\n", id="comments and empty lines"),
        pytest.param(lambda source: source.replace('"', "'"), id="other quotes"),
        pytest.param(lambda source: source.replace("    ", "  "), id="other indentation"),
    ],
)
async def test_a_starter_that_only_looks_different_is_not_yet(change):
    assert (await judged(change(pass_on.starter))).kind == "not yet"


async def test_a_starter_with_something_done_to_it_is_an_answer():
    verdict = await judged(pass_on.starter.replace("...", "pass"))
    assert verdict.kind == "wrong"
    assert 'After alice emitted "say", bob should have heard "said". Nobody did.' in verdict.message


async def test_wrong():
    verdict = await judged(pass_on.solution_text.replace(", skip_sid=sid", ""))
    assert verdict.kind == "wrong"
    assert str(verdict) == (
        '✗ Not right. After alice emitted "say", alice should not have heard "said". What\n'
        'happened: alice heard "said" and bob heard "said".'
    )


async def test_an_async_answer_will_do():
    verdict = await judged(pass_on.solution_text.replace("def answer", "async def answer"))
    assert verdict.kind == "right"


async def test_an_answer_whose_source_is_not_known():
    answer = function(pass_on.solution_text)
    del linecache.cache[answer.__code__.co_filename]
    assert (await pass_on.judge(answer)).kind == "right"


@pytest.mark.parametrize(
    ("source", "kind", "part"),
    [
        pytest.param("def answer(io):\n    raise OSError('no')", "OSError: no.", "", id="at once"),
        pytest.param("async def answer(io):\n    raise OSError('no')", "OSError", "", id="async"),
        pytest.param("def answer():\n    pass", "TypeError", "answer()", id="parameters"),
        pytest.param("def answer(io):\n    oi.on('say')", "NameError", "'oi'", id="a name"),
        pytest.param(
            "def answer(io):\n    @io.on('say')\n    async def say(sid): pass",
            "TypeError",
            "Raised in the server's handler of 'say' from alice.",
            id="in a handler",
        ),
        pytest.param(
            "def answer(io):\n    @io.on('say')\n    def say(sid, text): return 1 / 0",
            "ZeroDivisionError: division by zero.",
            "Raised in the server's handler of 'say' from alice.",
            id="in a sync handler",
        ),
    ],
)
async def test_an_answer_that_raises(source, kind, part):
    verdict = await judged(source)
    assert verdict.kind == "wrong"
    assert verdict.message.startswith(f"Your code raised {kind}")
    assert part in verdict.message


async def test_an_answer_whose_handler_does_not_end(monkeypatch):
    monkeypatch.setattr(machinery, "TIMEOUT", 0.5)
    verdict = await judged(
        "import asyncio\n"
        "def answer(io):\n"
        "    @io.on('say')\n"
        "    async def say(sid, text):\n"
        "        await asyncio.Event().wait()"
    )
    assert verdict.kind == "wrong"
    assert verdict.message == (
        "Something does not end. Waited 0.5 s for the server's handler of 'say' from alice to end."
    )


async def test_an_answer_that_does_not_end_itself(monkeypatch):
    monkeypatch.setattr(machinery, "TIMEOUT", 0.5)
    verdict = await judged(
        "import asyncio\nasync def answer(io):\n    await asyncio.Event().wait()"
    )
    assert verdict.kind == "wrong"
    assert "does not end" in verdict.message


async def test_an_answer_that_waits_for_an_answer_in_vain(monkeypatch):
    monkeypatch.setattr(machinery, "TIMEOUT", 0.5)

    async def play(answer, stage, scene):
        stage.io.on("slow", wait_for_ever)
        alice = await stage.join("alice")
        await run(answer, alice)

    client_side = replace(pass_on, play=play)
    verdict = await judged("async def answer(alice):\n    await alice.call('slow')", client_side)
    assert verdict.kind == "wrong"
    assert "Waited 0.5 s for" in verdict.message


async def wait_for_ever(sid):
    await asyncio.Event().wait()


async def test_an_answer_that_calls_a_misspelt_event(monkeypatch):
    monkeypatch.setattr(machinery, "TIMEOUT", 0.5)

    async def play(answer, stage, scene):
        stage.io.on("area", lambda sid: 12)
        alice = await stage.join("alice")
        await run(answer, alice)

    client_side = replace(pass_on, play=play)
    verdict = await judged("async def answer(alice):\n    await alice.call('aera')", client_side)
    assert verdict.message == (
        'alice sent "aera", and the server has no handler for it; it has one for "area".'
    )


@pytest.mark.parametrize("answer", [None, "answer", ..., 7], ids=repr)
async def test_an_answer_that_is_no_function(answer):
    verdict = await pass_on.judge(answer)
    assert verdict == Verdict("wrong", "Hand over the function itself, by its name.")


async def test_an_answer_that_was_called_instead():
    coroutine = function("async def answer():\n    pass")()
    assert (await pass_on.judge(coroutine)).kind == "wrong"
    coroutine.close()


async def test_checking_again_and_again():
    kinds = [
        (await judged(source)).kind
        for source in [pass_on.solution_text, pass_on.starter, pass_on.solution_text] * 3
    ]
    assert kinds == ["right", "not yet", "right"] * 3


async def test_checking_leaves_the_lab_of_the_lesson_alone():
    io = socketio.AsyncServer(async_mode="aiohttp")
    async with await Lab.open(io) as lab:
        alice = await lab.join("alice")
        assert (await judged(pass_on.solution_text)).kind == "right"
        assert alice.connected
        await lab.show()


async def test_check_prints_the_verdict(capsys):
    await pass_on.check(function(pass_on.solution_text))
    assert capsys.readouterr().out == "✓ Right. Everyone but you.\n"


def test_hint_and_solution_print(capsys):
    pass_on.hint()
    assert capsys.readouterr().out == "Leave one out.\n"
    pass_on.solution()
    assert capsys.readouterr().out == pass_on.solution_text.strip() + "\n"


HANDLER = """
import asyncio, time
def answer(io):
    queue = asyncio.Queue()
    async def later(text, sid):
        await io.emit("said", text, skip_sid=sid)
    async def work():
        while True:
            await later(*await queue.get())
    async def chain(text, sid, length):
        if length:
            asyncio.create_task(chain(text, sid, length - 1))
        else:
            await later(text, sid)
    {}
    @io.on("say")
    async def say(sid, text):
        {}
"""


@pytest.mark.parametrize(
    ("setting_up", "handling"),
    [
        pytest.param("", "asyncio.create_task(later(text, sid))", id="a task"),
        pytest.param("", "io.start_background_task(later, text, sid)", id="a background task"),
        pytest.param("", "asyncio.create_task(chain(text, sid, 20))", id="a chain of tasks"),
        pytest.param("asyncio.create_task(work())", "queue.put_nowait((text, sid))", id="a queue"),
        pytest.param(
            "io.start_background_task(work)", "queue.put_nowait((text, sid))", id="a worker of io"
        ),
        pytest.param(
            "",
            "asyncio.get_running_loop().call_later("
            "0.3, lambda: asyncio.create_task(later(text, sid)))",
            id="call_later",
        ),
        pytest.param("", "await asyncio.sleep(0.3); await later(text, sid)", id="a sleep"),
        pytest.param(
            "",
            "asyncio.get_running_loop().call_soon(asyncio.ensure_future, later(text, sid))",
            id="call_soon",
        ),
        pytest.param("", "await io.emit('more'); await later(text, sid)", id="another emission"),
    ],
)
async def test_an_answer_that_does_it_in_another_way(setting_up, handling):
    verdict = await judged(HANDLER.format(setting_up, handling))
    assert verdict.kind == "right", verdict.message


async def test_what_a_task_raises_is_told():
    verdict = await judged(HANDLER.format("", "asyncio.create_task(later(text))"))
    assert verdict.message.startswith("Your code raised TypeError: later() missing 1 required")


async def test_a_client_that_is_refused_by_a_slip():
    source = "def answer(io):\n    io.on('connect', lambda sid, environ, auth: False)"
    assert (await judged(source)).message == (
        "A client that should be let in was refused: connect returned False, or refused it."
    )


async def test_of_several_errors_the_first_is_told():
    async def play(answer, stage, scene):
        await run(answer, stage.io)
        for client in await stage.join("alice", "bob"):
            await client.emit("say", client.name)
        await stage.expect("all", "said", by=["alice"])

    source = "def answer(io):\n    @io.on('say')\n    async def say(sid, name): raise OSError(name)"
    verdict = await judged(source, replace(pass_on, play=play))
    assert verdict.message == (
        "Your code raised OSError: alice. Raised in the server's handler of 'say' from alice."
    )


async def test_a_worker_on_a_chat_server():
    source = HANDLER.format("io.start_background_task(work)", "queue.put_nowait((text, sid))")
    verdict = await judged(source, replace(pass_on, server=lambda: ChatServer().io))
    assert verdict.kind == "right", verdict.message


async def test_an_answer_leaves_no_task_behind():
    before = asyncio.all_tasks()
    await judged(HANDLER.format("asyncio.create_task(work())", "queue.put_nowait((text, sid))"))
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize(
    ("source", "call"),
    [
        (HANDLER.format("", "io.emit('said', text, skip_sid=sid)"), "`io.emit(...)`"),
        (HANDLER.format("", "x = io.emit('said', text)"), "`io.emit(...)`"),
        (HANDLER.format("", "x = io.call('?'); await io.emit('other')"), "`io.call(...)`"),
        (HANDLER.format("", "later(text, sid)"), "`later(...)`"),
        (HANDLER.format("", "asyncio.sleep(0.01); await later(text, sid)"), "`asyncio.sleep(...)`"),
        (HANDLER.format("", "me = io.get_session(sid); me['x']"), "`io.get_session(...)`"),
        (HANDLER.format("", "x = io.call('?'); await io.emit('said', x)"), "`io.call(...)`"),
        (HANDLER.format("", "io.enter_room(sid, 'a').close"), None),
    ],
)
async def test_what_is_never_awaited_is_named(source, call):
    verdict = await judged(source)
    assert verdict.kind == "wrong"
    if call:
        assert verdict.message == (
            f"{call} was not awaited: without await, nothing of it is ever done."
        )


@pytest.mark.parametrize(
    ("handling", "told"),
    [
        (
            "asyncio.create_task(io.emit)",
            (
                "TypeError: a coroutine was expected, got "
                "<bound method AsyncServer.emit of <socketio.async_server.AsyncServer object>>."
            ),
        ),
        ("assert not text", "AssertionError."),
        ("raise OSError(work)", "OSError: <function work>."),
        ("{}[sid]", "KeyError: '<alice>'."),
    ],
)
async def test_an_error_is_told_without_what_nobody_knows(handling, told):
    verdict = await judged(HANDLER.format("", handling))
    assert verdict.message == (
        f"Your code raised {told} Raised in the server's handler of 'say' from alice."
    )


async def test_a_coroutine_in_a_coroutine_does_not_warn_later():
    source = HANDLER.format("", "io.emit('said', io.call('?', to=sid))")
    assert (await judged(source)).message.startswith("`io.")
    gc.collect()  # a warning would be an error


async def test_a_coroutine_is_no_background_task():
    verdict = await judged(HANDLER.format("", "io.start_background_task(io.emit('said'))"))
    assert verdict.message.startswith("`start_background_task` calls the function itself: hand it")


async def freeze_counts_of_a_check():
    """Return how many objects the collector leaves alone before a check, in it, and after it."""
    counts = [gc.get_freeze_count()]

    async def play(answer, stage, scene):
        counts.append(gc.get_freeze_count())

    await replace(pass_on, play=play, scenes=(None,)).judge(print)
    return [*counts, gc.get_freeze_count()]


async def test_a_check_does_not_look_through_what_a_kernel_holds():
    gc.unfreeze()  # what the plugin `support.garbage` froze
    try:
        before, within, after = await freeze_counts_of_a_check()
    finally:
        gc.freeze()
    assert before == after < within


async def test_a_check_leaves_alone_what_somebody_else_has_frozen():
    gc.freeze()
    before, within, after = await freeze_counts_of_a_check()
    assert before >= within >= after > 0  # what is no longer needed goes


async def test_an_answer_is_not_blamed_for_an_earlier_one():
    await judged(HANDLER.format("", "io.start_background_task(io.emit('said'))"))
    source = HANDLER.format("", "import gc; gc.collect(); await later(text, sid)")
    assert (await judged(source)).kind == "right"


ENDLESS = """
import asyncio, re, time
def answer(io):
    def work():
        return 6 * 7
    @io.on("say")
    async def say(sid, text):
        while True:
            try:
                {}
            except {}:
                work()
"""
NO_ALARM = pytest.mark.skipif(os.name == "nt", reason="Windows has no signal that ends a sleep")


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(reader, "_PATIENCE", 0.2)


@pytest.mark.parametrize(
    "caught",
    [
        pytest.param("OSError", marks=pytest.mark.slow),
        "Exception",
        pytest.param("BaseException", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(
    "work",
    [
        "pass",
        "work()",
        "time.sleep(60)",
        "await io.get_session(sid)",
        "re.match('(a+)+b', 'a' * 99)",
    ],
)
@NO_ALARM
async def test_an_answer_that_blocks_the_loop_is_stopped(impatient, work, caught):
    verdict = await judged(ENDLESS.format(work, caught))
    assert verdict.kind == "wrong"
    assert verdict.message.startswith("Your code blocks the event loop")


@NO_ALARM
async def test_an_answer_that_blocks_the_loop_itself_is_stopped(impatient):
    verdict = await judged("import time\ndef answer(io):\n    time.sleep(60)")
    assert verdict.message.startswith("Your code blocks the event loop")
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@NO_ALARM
async def test_a_task_that_blocks_the_loop_is_stopped_and_says_no_more(impatient, caplog):
    source = ENDLESS.replace("@io.on", "async def endless(): time.sleep(60)\n    @io.on")
    verdict = await judged(source.format("return asyncio.create_task(endless())", "OSError"))
    assert verdict.message.startswith("Your code blocks the event loop")
    gc.collect()
    assert not caplog.records


async def test_an_answer_in_a_thread_is_stopped_where_it_computes(impatient):
    verdicts = []
    source = ENDLESS.format("work()", "OSError")
    thread = threading.Thread(target=lambda: verdicts.append(asyncio.run(judged(source))))
    thread.start()
    await eventually(lambda: verdicts)
    assert verdicts[0].message.startswith("Your code blocks the event loop")


async def test_an_answer_that_uses_the_lessons_own_server():
    source = pass_on.solution_text.replace("answer(io)", "answer(server)")
    lesson = "import socketio\nio = socketio.AsyncServer(async_mode='aiohttp')\n"
    answer = function(lesson + source)
    verdict = await pass_on.judge(answer)
    assert verdict.message == (
        "Your function uses the lesson's own `io`, and not what the check hands over to it."
    )
    assert not answer.__globals__["io"].handlers.get("/")  # as it was before


async def test_an_answer_may_use_another_name_for_the_server():
    source = pass_on.solution_text.replace("io", "server")
    assert (await judged(source)).kind == "right"


async def test_no_handler_for_the_event():
    verdict = await judged(pass_on.solution_text.replace('"say"', '"sya"'))
    assert verdict.message == (
        'alice sent "say", and the server has no handler for it; it has one for "sya".'
    )


async def test_every_scene_is_played():
    hard_coded = pass_on.solution_text.replace("text, skip", "'hi', skip")
    verdict = await judged(hard_coded)
    assert verdict.message == (
        'After dave emitted "say", "said" should have carried 7, but it carried "hi".'
    )


def test_an_exercise_and_its_methods_show_one_line():
    assert repr(exercise("03.1")) == "Exercise 03.1: .check(answer), .hint(), .solution()"
    for one in EXERCISES:
        for shown in (one, one.hint, one.solution, one.check):
            assert len(repr(shown).splitlines()) == 1
            assert one.solution_text.strip().splitlines()[-1] not in repr(shown)
            assert pretty(shown) == repr(shown)


async def test_a_check_without_await_says_so():
    for method in (pass_on.check, exercise("00.2").check, broken.show):
        call = method(function(pass_on.starter))
        assert pretty(call) == (
            f"Nothing is done yet: write await before exercise(...).{method.__name__}(...)."
        )
        await call


async def test_a_check_can_be_awaited_later(capsys):
    await asyncio.gather(pass_on.check(function(pass_on.solution_text)))
    assert capsys.readouterr().out == "✓ Right. Everyone but you.\n"


# -- repairs ---------------------------------------------------------------------------------------


async def demo(answer, stage):
    await run(answer, stage.io)
    alice, _ = await stage.join("alice", "bob")
    await alice.emit("say", "hi")


broken = Repair(
    number="99.2",
    starter=pass_on.solution_text.replace(", skip_sid=sid", ""),
    hint_text="Look for a ring.",
    solution_text=pass_on.solution_text,
    praise="Repaired.",
    play=play,
    scenes=pass_on.scenes,
    demo=demo,
)


async def test_a_repair_that_nobody_has_begun_is_not_yet():
    verdict = await judged(broken.starter, broken)
    assert verdict.kind == "not yet"
    assert "with its bug" in verdict.message
    assert (await judged(broken.solution_text, broken)).kind == "right"
    assert (await judged(broken.starter.replace('"said"', '"told"'), broken)).kind == "wrong"


async def test_a_repair_is_drawn_right_or_wrong():
    before = str(await broken.picture(function(broken.starter)))
    assert before == (
        'alice  → server  say "hi"\nserver → alice   said "hi"\nserver → bob     said "hi"'
    )
    after = str(await broken.picture(function(broken.solution_text)))
    assert after.endswith('server ○ alice: not said "hi"')


async def test_what_cannot_be_drawn_is_told(capsys):
    await broken.show(function("def answer(io):\n    raise OSError('no')"))
    assert capsys.readouterr().out == "There is no picture. Your code raised OSError: no.\n"


# -- the stage -------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def stage():
    io = socketio.AsyncServer(async_mode="aiohttp")
    async with await Lab.open(io) as lab:
        with Watch(Code(lambda: None)) as watch:
            yield Stage(io, lab, watch)


@pytest_asyncio.fixture
async def clients(stage):
    return await stage.join("alice", "bob", "carol")


async def test_the_stage_forgets_who_joined(stage, clients):
    assert await stage.deliveries() == []


async def test_expect_starts_anew_each_time(stage, clients):
    for number in range(3):
        await stage.io.emit("news", number)
        await stage.expect("x", "news", by=["alice", "bob", "carol"], data=number)
    await stage.expect("x", "news", by=[])


async def test_expect_nobody(stage, clients):
    await stage.io.emit("other")
    await stage.expect("x", "news", by=[])


async def fails(stage, message, **expected):
    with pytest.raises(WrongAnswerError) as caught:
        await stage.expect("the server spoke", "news", **expected)
    assert str(caught.value) == message


async def test_expect_when_nothing_came(stage, clients):
    await fails(
        stage,
        'After the server spoke, alice and bob should have heard "news". Nobody did.',
        by=["bob", "alice"],
    )


async def test_expect_when_somebody_missed_it(stage, clients):
    alice, *_ = clients
    await stage.io.emit("news", to=alice.get_sid())
    await stage.io.emit("gnus", to=alice.get_sid())
    await fails(
        stage,
        'After the server spoke, bob and carol should have heard "news" and did not. '
        'What happened: alice heard "news" and alice heard "gnus".',
        by=["alice", "bob", "carol"],
    )


async def test_expect_when_somebody_should_not_have_heard_it(stage, clients):
    await stage.io.emit("news")
    await fails(
        stage,
        'After the server spoke, bob and carol should not have heard "news". '
        'What happened: alice heard "news", bob heard "news" and carol heard "news".',
        by=["alice"],
    )


async def test_expect_when_somebody_heard_it_twice(stage, clients):
    alice, *_ = clients
    await stage.io.emit("news", to=alice.get_sid())
    await stage.io.emit("news", to=alice.get_sid())
    await fails(
        stage,
        'After the server spoke, alice heard "news" more than once.',
        by=["alice"],
    )


@pytest.mark.parametrize(
    ("sent", "wanted", "carried"),
    [
        (None, 1, "should have carried 1, but it carried nothing."),
        ("1", 1, 'should have carried 1, but it carried "1".'),
        ((1, 2), 1, "should have carried 1, but it carried 1, 2."),
        (1, (1, 2), "should have carried 1, 2, but it carried 1."),
        (1, (), "should have carried nothing, but it carried 1."),
        ({"a": "é"}, [], 'should have carried [], but it carried {"a": "é"}.'),
    ],
)
async def test_expect_other_data(stage, clients, sent, wanted, carried):
    await stage.io.emit("news", sent)
    await fails(
        stage,
        f'After the server spoke, "news" {carried}',
        by=["alice", "bob", "carol"],
        data=wanted,
    )


async def test_deliveries_are_what_reached_clients(stage, clients):
    alice, *_ = clients
    stage.io.on("ask", lambda sid: "an answer")
    await alice.emit("ask")
    await stage.io.emit("news", 1, skip_sid=alice.get_sid())
    assert [(packet.target, packet.event, packet.data) for packet in await stage.deliveries()] == [
        ("bob", "news", (1,)),
        ("carol", "news", (1,)),
    ]


async def test_run_awaits_what_is_awaitable():
    async def later(number):
        return number

    assert await run(lambda number: number, 1) == 1
    assert await run(later, 2) == 2
    assert await run(lambda number: later(number), 3) == 3


# -- the checks of the checkers --------------------------------------------------------------------


right_answers = [pass_on.solution_text + f"# {number}" for number in range(5)]
wrong_answers = [
    ("def answer(io): pass", "no handler for it"),
    (pass_on.solution_text.replace("text,", "7,"), 'should have carried "hi"'),
    (pass_on.solution_text.replace("text,", "'hi',"), 'but it carried "hi"'),
    (pass_on.solution_text.replace("await ", ""), "was not awaited"),
    (pass_on.solution_text.replace(", skip_sid=sid", ""), "alice should not have heard"),
    (pass_on.solution_text.replace("text,", "text + '!',"), 'but it carried "hi!"'),
]


async def test_check_exercise_passes_a_good_exercise():
    await check_exercise(pass_on, wrong_answers, right_answers)


async def no_judgement(answer, stage, scene):
    pass


@pytest.mark.parametrize(
    ("bad", "answers"),
    [
        pytest.param(pass_on, wrong_answers[:5], id="too few wrong answers"),
        pytest.param(pass_on, [*wrong_answers[:5], wrong_answers[0]], id="the same twice"),
        pytest.param(
            pass_on, [*wrong_answers, (pass_on.solution_text, "")], id="a right wrong answer"
        ),
        pytest.param(
            pass_on, [*wrong_answers, ("def answer(io): 1 / 0", "Nobody")], id="another message"
        ),
        pytest.param(
            replace(pass_on, solution_text="def answer(io): pass"),
            wrong_answers,
            id="a wrong solution",
        ),
        pytest.param(replace(pass_on, play=no_judgement), wrong_answers, id="no judgement"),
    ],
)
async def test_check_exercise_fails_a_bad_exercise(bad, answers):
    with pytest.raises(AssertionError):
        await check_exercise(bad, answers, right_answers)


@pytest.mark.parametrize(
    "right",
    [
        pytest.param(right_answers[:4], id="too few"),
        pytest.param([*right_answers, wrong_answers[0][0]], id="a wrong one"),
    ],
)
async def test_check_exercise_fails_with_bad_right_answers(right):
    with pytest.raises(AssertionError):
        await check_exercise(pass_on, wrong_answers, right)


# -- all exercises ---------------------------------------------------------------------------------


def test_exercises_are_numbered_in_order():
    numbers = [one.number for one in EXERCISES]
    assert all(re.fullmatch(r"\d\d\.[1-9]", number) for number in numbers)
    assert numbers == sorted(set(numbers))
    for lesson in {number[:2] for number in numbers}:
        count = sum(number.startswith(lesson) for number in numbers)
        assert f"{lesson}.{count}" in numbers


def test_exercises_are_in_the_module_of_their_lesson():
    folder = Path(machinery.__file__).parent
    modules = {path.stem.removeprefix("lesson_") for path in folder.glob("lesson_*")}
    assert {one.number[:2] for one in EXERCISES} == modules


@pytest.mark.parametrize("one", EXERCISES, ids=lambda one: one.number)
def test_an_exercise_is_found_by_its_number(one):
    assert exercise(one.number).number == one.number


@pytest.mark.parametrize("number", ["03.9", "99.1", "3.1", "", "03"])
def test_an_unknown_number(number):
    with pytest.raises(KeyError) as caught:
        exercise(number)
    [sentence] = caught.value.args
    assert sentence.startswith(f"There is no exercise {number}; there are ")
    assert sentence.endswith(f"{EXERCISES[-1].number}.")


@pytest.mark.parametrize("one", EXERCISES, ids=lambda one: one.number)
def test_every_exercise_has_a_test_of_its_checker(one):
    tests = Path(__file__).with_name(f"test_lesson_{one.number[:2]}.py")
    assert f'exercise("{one.number}")' in tests.read_text("utf-8")


@pytest.mark.parametrize("one", EXERCISES, ids=lambda one: one.number)
def test_every_exercise_says_what_it_has_to(one):
    for text in (one.hint_text, one.praise):
        assert text.strip() == text
        assert text.endswith((".", "?"))
    assert one.hint_text not in one.solution_text
    if isinstance(one, Prediction):
        return
    assert ("..." in one.starter) != isinstance(one, Repair)
    assert callable(function(one.starter))
    assert len(one.scenes) >= 2
    assert len(set(map(repr, one.scenes))) == len(one.scenes)


def test_every_lesson_has_each_kind():
    kinds = {(one.number[:2], type(one)) for one in EXERCISES}
    lessons = sorted({number for number, _ in kinds})
    assert [(lesson, Prediction) in kinds for lesson in lessons] == [True] * len(lessons)
    assert [lesson for lesson in lessons if (lesson, Repair) not in kinds and lesson >= "02"] == []
