import functools

import pytest

from support import exercise_checks


@pytest.fixture(params=["some", pytest.param("the rest", marks=pytest.mark.slow)])
def check_exercise(request):
    """Check an exercise: ``await check_exercise(exercise, wrong, right)``."""
    return functools.partial(exercise_checks.check_exercise, shares=[request.param])
