import re
from dataclasses import replace

import pytest

from chatlib.lab.exercises import Prediction, Verdict, exercises
from chatlib.lab.exercises.prediction import Line
from support.exercise_checks import function

EVERYONE = 'alice.emit("everyone", "hi")'
TWICE = 'bob.emit("me", "hi")'
LATE = 'dave.emit("everyone", "hi")'

talk = Prediction(
    number="99.1",
    server_source="""
@io.on("everyone")
async def everyone(sid, text):
    await io.emit("news", text)


@io.on("me")
async def me(sid, text):
    for _ in range(2):
        await io.emit("news", text, to=sid)
    return "an acknowledgement"
""",
    setup="""
alice = await lab.join("alice")
bob, carol = await lab.join("bob", "carol")
await io.emit("news", "nothing of this counts")
""",
    lines=(
        Line(EVERYONE, ["alice", "bob", "carol"], "No address is everyone."),
        Line(TWICE, ["bob", "bob"], "There are two emissions."),
        Line('dave = await lab.join("dave")'),
        Line(LATE, ["alice", "bob", "carol", "dave"], "Dave is there now."),
    ),
    hint_text="Look for to=.",
    praise="So it is.",
)
RIGHT = {EVERYONE: ["alice", "bob", "carol"], TWICE: ["bob", "bob"], LATE: "everyone"}


def test_the_starter_has_a_place_for_each_line_that_is_asked_about():
    assert function(talk.starter) == {EVERYONE: ..., TWICE: ..., LATE: ...}


async def test_the_solution_is_right():
    assert await talk.judge(function(talk.solution_text)) == Verdict("right", "So it is.")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({EVERYONE: ("carol", "bob", "alice")}, id="another order, a tuple"),
        pytest.param({LATE: "Everybody"}, id="everybody"),
        pytest.param({LATE: ["all"]}, id="all"),
        pytest.param({EVERYONE: " alice,bob ,carol"}, id="blanks"),
        pytest.param({EVERYONE: {"alice", "bob", "carol"}}, id="a set"),
        pytest.param({EVERYONE: "alice, bob and carol"}, id="text"),
        pytest.param({EVERYONE: "alice bob carol"}, id="text with spaces"),
        pytest.param({LATE: "alice bob carol dave"}, id="everyone by name"),
        pytest.param({TWICE: "bob bob"}, id="twice"),
        pytest.param({TWICE: ["Bob", "BOB"]}, id="capitals"),
        pytest.param({TWICE: {"bob": 2, "alice": 0}}, id="counts"),
        pytest.param({"something": "else"}, id="more than was asked"),
    ],
)
async def test_a_guess_may_be_written_in_many_ways(change):
    assert await talk.judge(RIGHT | change) == Verdict("right", "So it is.")


@pytest.mark.parametrize("nobody", [[], (), "", "Nobody", ["nobody"], None, [None], " "])
async def test_nobody_may_be_written_in_many_ways(nobody):
    silent = replace(talk, lines=(Line('alice.emit("shout")', [], "No handler."),))
    assert (await silent.judge({'alice.emit("shout")': nobody})).kind == "right"


async def test_an_untouched_guess_is_not_yet():
    assert await talk.judge(function(talk.starter)) == Verdict(
        "not yet", "Replace each ... with the names of who hears it."
    )


@pytest.mark.parametrize("change", [{TWICE: ...}, {}])
async def test_a_guess_with_a_line_left_open_is_not_yet(change):
    guess = {line: names for line, names in RIGHT.items() if line != TWICE} | change
    assert await talk.judge(guess) == Verdict("not yet", f"There is no guess for {TWICE}.")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {EVERYONE: "bob carol"},
            f"{EVERYONE}: alice heard it, and your guess leaves them out. No address is everyone.",
        ),
        (
            {TWICE: "bob bob carol"},
            f"{TWICE}: carol did not hear it, and your guess names them. There are two emissions.",
        ),
        ({TWICE: "bob"}, f"{TWICE}: bob heard it twice, not once. There are two emissions."),
        (
            {TWICE: "alice"},
            (
                f"{TWICE}: bob heard it, and your guess leaves them out; alice did not hear it, "
                "and your guess names them. There are two emissions."
            ),
        ),
        (
            {TWICE: ["bobby"]},
            f"The guess for {TWICE} names 'bobby'; there are alice, bob, carol and dave.",
        ),
        ({TWICE: 7}, f"The guess for {TWICE} names 7; there are alice, bob, carol and dave."),
    ],
)
async def test_a_wrong_guess(change, message):
    assert await talk.judge(RIGHT | change) == Verdict("wrong", message)


@pytest.mark.parametrize("guess", [None, ["alice"], "alice", print, 7])
async def test_what_is_no_guess(guess):
    verdict = await talk.judge(guess)
    assert verdict == Verdict(
        "wrong", "A guess is a dict: for each line, a list of the names of who hears it."
    )


async def test_clients_of_the_notebook_are_meant_by_their_names():
    class Client:
        name = "bob"

    assert (await talk.judge(RIGHT | {TWICE: [Client(), Client()]})).kind == "right"


async def test_only_some_events_count():
    nobody = {line: [] for line in RIGHT}
    assert (await replace(talk, events=("gnus",)).judge(nobody)).kind == "right"


async def test_names_and_options_are_there_for_the_lines():
    faulty = replace(
        talk,
        lines=(
            Line("lab.faults.cut(bob)"),
            Line('alice.emit("everyone", word)', ["alice", "carol"]),
        ),
        names={"word": "hi"},
        options={"faults": True},
    )
    assert (await faulty.judge({'alice.emit("everyone", word)': "alice carol"})).kind == "right"


async def test_check_prints_the_verdict_and_draws(capsys):
    await talk.check(RIGHT | {TWICE: "bob"})
    printed = capsys.readouterr().out
    assert printed.startswith('✗ Not right. bob.emit("me", "hi"): bob heard it twice, not once.')
    assert "your guess" in printed  # outside of a notebook a picture is shown as text


async def test_check_of_a_starter_draws_nothing(capsys):
    await talk.check(function(talk.starter))
    assert capsys.readouterr().out.startswith("… Not yet.")
    assert "your guess" not in capsys.readouterr().out


# -- the picture -----------------------------------------------------------------------------------


async def picture(**change):
    guess = RIGHT | {EVERYONE: "bob carol", TWICE: "bob"} | change
    return (await talk.compare(guess))[1]


async def test_the_picture_as_text():
    width = len(EVERYONE)
    heads = "  alice   bob   carol   dave "
    lines = [
        f"{'':{width}}  your guess{' ' * 21}what happens",
        f"{'':{width}}{heads}  {heads}".rstrip(),
        f"{EVERYONE}  [○]     ●     ●       ○        ●       ●     ●       ○",
        f"{TWICE:{width}}  ○       [●]   ○       ○        ○       2     ○       ○",
        f"{LATE:{width}}  ●       ●     ●       ●        ●       ●     ●       ●",
    ]
    assert str(await picture()) == "\n".join(lines)


async def test_the_picture_frames_what_was_guessed_wrong():
    svg = (await picture()).svg()
    assert svg.count('class="fault"') == 2
    assert svg.count('class="not"') == 9
    assert ">2</" in svg
    assert svg.count(">alice</tspan>") == 0
    assert svg.count(">alice</text>") == 2
    assert re.search(r"<title>Your guess beside what happens</title>", svg)
    right = (await talk.compare(RIGHT))[1].svg()
    assert 'class="fault"' not in right


# -- the predictions of the lessons ----------------------------------------------------------------

PREDICTIONS = [one for one in exercises() if isinstance(one, Prediction)]


@pytest.mark.parametrize("one", PREDICTIONS, ids=lambda one: one.number)
async def test_what_an_exercise_says_of_who_hears_is_what_happens(one):
    right = function(one.solution_text)
    assert await one.judge(right) == Verdict("right", one.praise)


@pytest.mark.parametrize(
    "one",
    [PREDICTIONS[0], *(pytest.param(one, marks=pytest.mark.slow) for one in PREDICTIONS[1:])],
    ids=lambda one: one.number,
)
async def test_each_line_can_be_guessed_wrong_and_says_why(one):
    right = function(one.solution_text)
    assert len(right) >= 3
    for line in one.lines:
        if line.heard is None:
            continue
        assert line.why.endswith("."), line.code
        wrong = [] if line.heard else "everyone"
        verdict = await one.judge(right | {line.code: wrong})
        assert verdict.kind == "wrong"
        assert line.why in verdict.message


@pytest.mark.parametrize("one", PREDICTIONS, ids=lambda one: one.number)
async def test_the_picture_of_an_exercise_fits_a_notebook(one):
    _, drawn = await one.compare(function(one.solution_text))
    [width] = re.findall(r'<svg[^>]* width="([\d.]+)"', drawn.svg())
    assert float(width) <= 860
