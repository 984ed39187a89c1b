from dataclasses import dataclass
from types import SimpleNamespace

import IPython
import pytest
from IPython.core import ultratb

from chatlib.lab import errors
from chatlib.lab.changes import Changes
from chatlib.lab.errors import Errors, LabTimeoutError, add_note


@pytest.fixture
def kept():
    return Errors(Changes())


@pytest.fixture
def _old_shell(monkeypatch):
    """An IPython that shows no notes, as 7 does."""
    tracebacks = SimpleNamespace(structured_traceback=lambda kind, error, _: [f"Traceback {error}"])
    monkeypatch.setattr(errors.ultratb, "AutoFormattedTB", lambda *_, **__: tracebacks)
    monkeypatch.setattr(IPython, "version_info", (8, 13, 2, ""))
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(colors="NoColor"))


def raised(error):
    """Return an error with a traceback, as if the reader's code had raised it."""
    try:
        raise error
    except Exception as caught:  # noqa: BLE001
        return caught


def test_an_error_that_is_noticed_twice_is_raised_once(kept):
    error = raised(LookupError("no such thing"))
    kept.add(error, "the server's handler of 'say' from alice")
    kept.add(error, "the server's log")
    with pytest.raises(LookupError) as caught:
        kept.raise_all()
    assert caught.value.__notes__ == ["Raised in the server's handler of 'say' from alice."]
    kept.raise_all()


def test_two_errors_that_are_equal_are_both_raised(kept):
    class AnyError(Exception):
        def __eq__(self, other):
            return True

        __hash__ = Exception.__hash__

    kept.add(raised(AnyError(1)), "one")
    kept.add(raised(AnyError(2)), "two")
    with pytest.raises(ExceptionGroup) as caught:
        kept.raise_all()
    assert len(caught.value.exceptions) == 2


def test_an_error_that_cannot_be_compared(kept):
    class OddError(Exception):
        def __eq__(self, other):
            raise TypeError("not comparable")

        __hash__ = Exception.__hash__

    kept.add(raised(OddError(1)), "one")
    kept.add(raised(OddError(2)), "two")
    with pytest.raises(ExceptionGroup):
        kept.raise_all()


def test_an_error_without_a_text(kept):
    class MuteError(Exception):
        def __str__(self):
            raise TypeError("no text")

    for where in ("one", "two"):
        kept.add(raised(MuteError()), where)
    with pytest.raises(ExceptionGroup) as caught:
        kept.raise_all()
    assert caught.value.__notes__[0] == "MuteError: it has no text Raised in one."


def test_an_error_that_takes_no_notes(kept):
    @dataclass(frozen=True)
    class FrozenError(Exception):
        why: str

    kept.add(raised(FrozenError("frozen")), "the server")
    with pytest.raises(FrozenError):
        kept.raise_all()


def test_a_group_says_of_each_error_where_it_was_raised(kept):
    kept.add(raised(LookupError("a")), "alice's handler")
    kept.add(raised(ValueError("b")), "bob's handler")
    with pytest.raises(ExceptionGroup, match="2 handlers failed") as caught:
        kept.raise_all()
    assert caught.value.__notes__ == [
        "LookupError: a Raised in alice's handler.",
        "ValueError: b Raised in bob's handler.",
    ]


@pytest.mark.usefixtures("_old_shell")
def test_an_old_ipython_shows_notes_too():
    error = raised(LookupError("no such thing"))
    add_note(error, "Raised in the server.")
    assert error._render_traceback_() == ["Traceback no such thing", "Raised in the server."]


@pytest.mark.skipif(IPython.version_info < (8, 14), reason="This IPython shows no notes.")
def test_a_newer_ipython_shows_them_by_itself(monkeypatch):
    monkeypatch.setattr(IPython, "version_info", (8, 14, 0, ""))
    error = raised(LookupError("no such thing"))
    add_note(error, "Raised in the server.")
    assert not hasattr(error, "_render_traceback_")
    shown = ultratb.VerboseTB().structured_traceback(LookupError, error, error.__traceback__)
    assert "Raised in the server." in "\n".join(shown)


def test_a_timeout_is_shown_with_its_notes():
    late = LabTimeoutError("Waited 5 s for bob.")
    add_note(late, "He has left.")
    assert late._render_traceback_() == ["LabTimeoutError: Waited 5 s for bob.", "He has left."]


def test_an_own_way_to_be_shown_is_kept(kept):
    class ShownError(Exception):
        def _render_traceback_(self):
            return ["as it likes"]

    kept.add(raised(ShownError()), "the server")
    with pytest.raises(ShownError) as caught:
        kept.raise_all()
    assert caught.value._render_traceback_() == ["as it likes"]
