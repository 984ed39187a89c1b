import pytest

from support.mutant_checks import Mutant, check_notices, check_passes

pytestmark = pytest.mark.slow
LESSON = "08_lost_and_found.ipynb"
MUTANTS = {
    "a message is acknowledged before it is kept": Mutant(
        "history.py", "return await done", "return self._last + len(self._waiting)"
    ),
    "a message that the disk refuses is acknowledged": Mutant(
        "history.py", "waiting.done.set_exception(error)", "waiting.done.set_result(self._last + 1)"
    ),
    "a message is delivered before it is kept": Mutant(
        "history.py", "await database.commit()", "[await self._deliver(w.message) for w in new]"
    ),
    "a replay begins one too early": Mutant("history.py", '"after": after,', '"after": after - 1,'),
    "a replay begins one too late": Mutant("history.py", '"after": after,', '"after": after + 1,'),
    "an offset is ignored": Mutant(
        "delivery.py", "if offset is None or not self._history:", "if True:"
    ),
    "a gap is not told": Mutant("delivery.py", "if left_out:", "if False:"),
    "a key is ignored": Mutant(
        "server.py", "key = read_key(data) if self.history else None", "key = None"
    ),
    "the acknowledgement has no id": Mutant(
        "delivery.py",
        'return {"ok": True, "id": await self._history.append(message)}',
        'return {"ok": bool(await self._history.append(message))}',
    ),
}


def test_passes_with_an_unbroken_copy(tmp_path):
    check_passes(LESSON, tmp_path)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_notices_that(mutant, tmp_path):
    check_notices(LESSON, MUTANTS[mutant], tmp_path)
