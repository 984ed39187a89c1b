"""What an exercise's methods return: to be awaited, and shown as a sentence where it is not."""

import functools
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, ParamSpec

_Parameters = ParamSpec("_Parameters")


class _Unawaited:
    """A call that nothing comes of until it is awaited."""

    def __init__(self, name: str, coroutine: Coroutine[Any, Any, None]) -> None:
        self._name = name
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, None]:
        return self._coroutine.__await__()

    def __repr__(self) -> str:
        """Return what a notebook shows of a call without await."""
        return f"Nothing is done yet: write await before exercise(...).{self._name}(...)."


def to_be_awaited(
    function: Callable[_Parameters, Coroutine[Any, Any, None]],
) -> Callable[_Parameters, Awaitable[None]]:
    """Return a coroutine function whose calls, where nobody awaits them, say that.

    Args:
        function: The coroutine function.
    """

    @functools.wraps(function)
    def call(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> Awaitable[None]:
        return _Unawaited(function.__name__, function(*args, **kwargs))

    return call
