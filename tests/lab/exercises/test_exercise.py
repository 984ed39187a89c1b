import asyncio
import linecache
import re
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
import pytest_asyncio
import socketio
from exercise_checks import check_exercise, function

from chatlib.lab import Lab
from chatlib.lab.exercises import Exercise, Stage, Verdict, exercise, exercises
from chatlib.lab.exercises.exercise import WrongAnswerError, run

TIMEOUT = 5  # seconds
# The package has a function of the module's name.
machinery = import_module("chatlib.lab.exercises.exercise")
EXERCISES = exercises()


async def play(answer, stage):
    await run(answer, stage.io)
    alice, _ = await stage.join("alice", "bob")
    await alice.emit("say", "hi")
    await stage.expect('alice emitted "say"', "said", by=["bob"], data="hi")


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
    assert 'bob should have heard "said". Nobody did.' in verdict.message


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

    async def play(answer, stage):
        alice = await stage.join("alice")
        await run(answer, alice)

    client_side = replace(pass_on, play=play)
    verdict = await judged("async def answer(alice):\n    await alice.call('x')", client_side)
    assert verdict.kind == "wrong"
    assert "Waited 0.5 s for" in verdict.message


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


# -- the stage -------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def stage():
    io = socketio.AsyncServer(async_mode="aiohttp")
    async with await Lab.open(io) as lab:
        yield Stage(io, lab)


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
        'After the server spoke, alice heard "news" more than once. '
        'What happened: alice heard "news".',
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


wrong_answers = [
    ("def answer(io): pass", "Nobody did"),
    (pass_on.solution_text.replace(", skip_sid=sid", ""), "alice should not have heard"),
    (pass_on.solution_text.replace("text,", "text + '!',"), 'but it carried "hi!"'),
]


async def test_check_exercise_passes_a_good_exercise():
    await check_exercise(pass_on, wrong_answers)


async def no_judgement(answer, stage):
    pass


@pytest.mark.parametrize(
    ("bad", "answers"),
    [
        pytest.param(pass_on, wrong_answers[:2], id="too few wrong answers"),
        pytest.param(pass_on, [*wrong_answers[:2], wrong_answers[0]], id="the same twice"),
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
        await check_exercise(bad, answers)


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
    modules = {path.stem.removeprefix("lesson_") for path in folder.glob("lesson_*.py")}
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
    assert "..." in one.starter
    assert callable(function(one.starter))
    for text in (one.hint_text, one.praise):
        assert text.strip() == text
        assert text.endswith(".")
    assert one.hint_text not in one.solution_text
