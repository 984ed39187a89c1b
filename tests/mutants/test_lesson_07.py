import pytest

from support.mutant_checks import Mutant, check_notices, check_passes

pytestmark = pytest.mark.slow
LESSON = "07_errors_and_acks.ipynb"
SENTENCE = 'refused("The server failed to do this; the failure is in its log.")'
MUTANTS = {
    "the events of a socket are handled side by side": Mutant(
        "answers.py", "async with member.turn:", "async with type(member.turn)():"
    ),
    "an error in a handler is not answered": Mutant("answers.py", f"return {SENTENCE}", "return"),
    "an error in a handler is told to the client": Mutant(
        "answers.py", SENTENCE, 'refused(str(__import__("sys").exception()))'
    ),
    "an error in a handler is not logged": Mutant(
        "answers.py", 'logger.exception("The handler of %s failed", event)', "pass"
    ),
    "too many arguments are not noticed": Mutant(
        "answers.py", "if len(data) != 1:", "if not data:", sign="TypeError"
    ),
}


def test_passes_with_an_unbroken_copy(tmp_path):
    check_passes(LESSON, tmp_path)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_notices_that(mutant, tmp_path):
    check_notices(LESSON, MUTANTS[mutant], tmp_path)
