"""What every exercise has to pass; the tests of a lesson say what is plausibly wrong."""

import itertools
import linecache

_numbers = itertools.count(1)


def function(source):
    """Return the function that a cell with this source defines, as a notebook would."""
    name = f"<cell {next(_numbers)}>"
    # IPython keeps a cell's source here too, which is how the untouched starter is recognised.
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    namespace = {}
    exec(compile(source, name, "exec"), namespace)
    return namespace["answer"]


async def check_exercise(exercise, wrong):
    """Check an exercise with its starter, its solution and wrong answers.

    Args:
        exercise: The exercise.
        wrong: Pairs of a wrong answer's source and a part of the message that fits it.
    """
    assert len(wrong) >= 3
    assert len({source for source, _ in wrong}) == len(wrong)
    starter = await exercise.judge(function(exercise.starter))
    assert starter.kind == "not yet"
    solution = await exercise.judge(function(exercise.solution_text))
    assert solution.kind == "right", solution.message
    for source, message in wrong:
        verdict = await exercise.judge(function(source))
        assert verdict.kind == "wrong", source
        assert message in verdict.message, source
