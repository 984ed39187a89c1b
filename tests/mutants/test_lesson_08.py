import pytest

from support.mutant_checks import Mutant, check_notices, check_passes

pytestmark = pytest.mark.slow
LESSON = "08_lost_and_found.ipynb"
MUTANTS = {
    "a message is acknowledged before it is kept": Mutant(
        "delivery.py", '"id": await kept}', '"id": self._delivered + 1}'
    ),
    "a message that the disk refuses is acknowledged": Mutant(
        "delivery.py", "return refused(_NOT_KEPT)", 'return {"ok": True, "id": 1}'
    ),
    "a message is delivered before it is kept": Mutant(
        "delivery.py",
        "results = await history.keep(",
        "[await self._emit(m) for m, _ in batch]; results = await history.keep(",
    ),
    "a replay begins one too early": Mutant(
        "database.py", '"after": after,', '"after": after - 1,'
    ),
    "a replay begins one too late": Mutant("database.py", '"after": after,', '"after": after + 1,'),
    "an offset is ignored": Mutant(
        "delivery.py", "if offset is None or not self._history:", "if True:"
    ),
    "a gap is not told": Mutant("delivery.py", "if gap:", "if False:"),
    "a key is ignored": Mutant(
        "server.py", "key = read_key(data) if self.history else None", "key = None"
    ),
    "the acknowledgement has no id": Mutant(
        "delivery.py",
        'return {"ok": True, "id": await kept}',
        'return {"ok": bool(await kept)}',
    ),
}


def test_passes_with_an_unbroken_copy(tmp_path):
    check_passes(LESSON, tmp_path)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_notices_that(mutant, tmp_path):
    check_notices(LESSON, MUTANTS[mutant], tmp_path)
