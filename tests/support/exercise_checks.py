"""What every exercise has to pass; the tests of a lesson say what is plausibly wrong."""

import itertools
import linecache
import re

_numbers = itertools.count(1)


def function(source):
    """Return the function that a cell with this source defines, as a notebook would."""
    name = f"<cell {next(_numbers)}>"
    # IPython keeps a cell's source here too, which is how the untouched starter is recognised.
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    namespace = {}
    exec(compile(source, name, "exec"), namespace)
    return namespace["answer"]


# What a learner has never heard of.
INSIDE = re.compile(
    r"\bWire\b|\bRecorder\b|\bStage\b|_(emit|sends|receives|connects)\b|chatlib\.lab|<locals>"
)


# Some answers: the starter, the solution and a wrong one.
SHARES = ("some", "the rest")


async def check_exercise(exercise, wrong, right, shares=SHARES):
    """Check an exercise with its starter, its solution, wrong answers and other right ones.

    Args:
        exercise: The exercise.
        wrong: Pairs of a wrong answer's source and a part of the message that fits it.
        right: Sources of answers that are right in an unusual way.
        shares: Which of the answers are judged.
    """
    assert len(wrong) >= 6
    assert len(right) >= 5
    sources = [source for source, _ in wrong] + [exercise.starter, exercise.solution_text, *right]
    assert len(set(sources)) == len(sources)
    if "some" in shares:
        starter = await exercise.judge(function(exercise.starter))
        assert starter.kind == "not yet"
        await _check_right(exercise, exercise.solution_text)
    if "the rest" in shares:
        for source in right:
            await _check_right(exercise, source)
    for number, (source, message) in enumerate(wrong):
        if SHARES[number != len(wrong) // 2] in shares:
            await _check_wrong(exercise, source, message)


async def _check_right(exercise, source):
    verdict = await exercise.judge(function(source))
    assert verdict.kind == "right", f"{source}\n{verdict.message}"


async def _check_wrong(exercise, source, message):
    verdict = await exercise.judge(function(source))
    assert verdict.kind == "wrong", source
    assert message in verdict.message, f"{source}\n{verdict.message}"
    assert not INSIDE.search(verdict.message), f"{source}\n{verdict.message}"
