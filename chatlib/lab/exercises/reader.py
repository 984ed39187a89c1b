"""What can be known of the reader's own code: its text, its tasks, and whether it gives way."""

import ast
import asyncio
import contextlib
import dis
import inspect
import re
import warnings
from collections.abc import Callable, Iterator
from functools import cached_property
from types import CodeType, FrameType, TracebackType
from typing import Any, Self

import socketio

from chatlib.lab.blocking import LoopWatch
from chatlib.lab.client import Client
from chatlib.lab.source import function_behind, syntax_tree
from chatlib.lab.words import enumerated

# The reader's code may keep the event loop to itself for this many seconds before it is stopped.
_PATIENCE = 1.0

_NEVER_AWAITED = re.compile(r"coroutine '(?:.*\.)?_?(\w+)' was never awaited")

# What the reader's code calls to start a task goes through these.
_STARTERS = (
    "start_background_task",
    "_start_background_task",
    "_start_and_note_ping",
    "start_and_remember",
)

# What has to be awaited, by python-socketio's names.
_COROUTINES = {
    name
    for kind in (socketio.AsyncServer, socketio.AsyncClient)
    for name, method in inspect.getmembers(kind, inspect.iscoroutinefunction)
}


class Code:
    """The code of an answer.

    Args:
        answer: The function that the reader hands over, or anything else that can be called.
    """

    def __init__(self, answer: Callable[..., Any]) -> None:
        self._answer = answer
        self._function = function_behind(answer)
        # All cells of a notebook share one.
        self._globals: dict[str, Any] = self._function.__globals__ if self._function else {}

    @cached_property
    def tree(self) -> ast.AST | None:
        """The answer's syntax tree, or None where the source is not known."""
        return syntax_tree(self._answer)

    def is_same(self, source: str) -> bool:
        """Tell whether the answer is the same as ``source``, but for comments and the like."""
        tree = self.tree
        return tree is not None and ast.dump(tree) == ast.dump(ast.parse(source))

    def may_act_later(self) -> bool:
        """Tell whether the answer names something that calls its code after a time."""
        tree = self.tree
        if tree is None:
            return self._function is not None
        names = {getattr(node, "attr", getattr(node, "id", "")) for node in ast.walk(tree)}
        return bool(names & {"call_later", "call_at", "Timer", "Thread", "to_thread", "sleep"})

    def own_frame(self, frame: FrameType | None) -> FrameType | None:
        """Return the innermost frame of the reader's code, among a frame and its callers."""
        while frame and not self._is_own(frame):
            frame = frame.f_back
        return frame

    def starts_a_task(self, frame: FrameType | None) -> bool:
        """Tell whether the reader's code asks for the task that is made in a frame."""
        while frame and (
            frame.f_globals.get("__name__", "").partition(".")[0] == "asyncio"
            or frame.f_code.co_name in _STARTERS
        ):
            frame = frame.f_back
        return frame is not None and self._is_own(frame)

    @contextlib.contextmanager
    def keeping_servers(self) -> Iterator[None]:
        """Take the handlers away again that the answer gives to servers of the lesson's."""
        servers = [one for one in self._globals.values() if isinstance(one, socketio.AsyncServer)]
        kept = [{space: dict(found) for space, found in io.handlers.items()} for io in servers]
        try:
            yield
        finally:
            for io, handlers in zip(servers, kept, strict=True):
                io.handlers.clear()
                io.handlers.update(handlers)

    def strangers(self, own: object) -> list[str]:
        """Return the names by which the answer uses a server or a client of the lesson's.

        Args:
            own: The server that the answer is given.
        """
        if not self._function:
            return []
        return [
            name
            for name in _global_names(self._function.__code__)
            if isinstance(found := self._globals.get(name), socketio.AsyncServer | Client)
            and found is not own
        ]

    def as_written(self, name: str) -> str:
        """Return how the answer calls something without awaiting it, ``io.emit(...)``, if it does.

        Args:
            name: The last part of what is called: ``emit``.
        """
        if self.tree is None:
            return f"{name}(...)"
        found = (call for call in self._unawaited_calls() if call.rpartition(".")[2] == name)
        return next((f"{call}(...)" for call in found), "")

    def unawaited(self) -> list[str]:
        """Return the calls of python-socketio's coroutines that the answer does not await."""
        calls = (call.rpartition(".") for call in self._unawaited_calls())
        return [f"{owner}.{name}(...)" for owner, _, name in calls if owner and name in _COROUTINES]

    def may_forget_to_await(self) -> bool:
        """Tell whether it calls what is a coroutine function without awaiting it."""
        nodes = ast.walk(self.tree or ast.Pass())
        own = {node.name for node in nodes if isinstance(node, ast.AsyncFunctionDef)}
        names = {call.rpartition(".")[2] for call in self._unawaited_calls()}
        return bool(names & (own | _COROUTINES | {"sleep"}))

    def starts_what_it_calls(self) -> bool:
        """Tell whether it says ``start_background_task(io.emit(...))``, as if that were a task."""
        return any(
            isinstance(node, ast.Call)
            and ast.unparse(node.func).endswith("start_background_task")
            and node.args
            and isinstance(node.args[0], ast.Call)
            for node in ast.walk(self.tree or ast.Pass())
        )

    def _unawaited_calls(self) -> list[str]:
        nodes = list(ast.walk(self.tree or ast.Pass()))
        awaited = {node.value for node in nodes if isinstance(node, ast.Await)}
        return [
            ast.unparse(node.func)
            for node in nodes
            if isinstance(node, ast.Call) and node not in awaited
        ]

    def _is_own(self, frame: FrameType) -> bool:
        return bool(self._globals) and frame.f_globals is self._globals


class Watch:
    """Watches the reader's code while it runs in this event loop.

    It knows the tasks that the code starts and the coroutines that it forgets to await, and stops
    it where it blocks the event loop.

    Args:
        code: The reader's code.
    """

    def __init__(self, code: Code) -> None:
        self.code = code
        self._loop = asyncio.get_running_loop()
        self._tasks: list[asyncio.Task[Any]] = []
        self._forgotten: list[str] = []
        self._loop_watch = LoopWatch(_PATIENCE, code.own_frame)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(self.code.keeping_servers())
        self._stack.enter_context(self._own_task_factory())
        self._stack.enter_context(self._never_awaited())
        self._stack.enter_context(self._loop_watch)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def is_blocking(self) -> bool:
        """Whether the code was stopped, as it blocked the event loop."""
        return self._loop_watch.has_stopped

    def __contains__(self, task: object) -> bool:
        """Tell whether the reader's code has started a task, and that has not ended."""
        return task in self.pending()

    def pending(self) -> set[asyncio.Task[Any]]:
        """Return the tasks that the reader's code has started and that have not ended."""
        return {task for task in self._tasks if not task.done()}

    def failure(self) -> Exception | None:
        """Return the first exception that one of those tasks ended with, if any."""
        ended = [task for task in self._tasks if task.done() and not task.cancelled()]
        errors = (task.exception() for task in ended)
        return next((error for error in errors if isinstance(error, Exception)), None)

    async def stop(self) -> None:
        """Cancel the tasks that have not ended."""
        pending = self.pending()
        for task in pending:
            task.cancel()
        # Where the code was stopped, Python need not log that nobody asked its task for the error.
        awaited = self._tasks if self.is_blocking else pending
        await asyncio.gather(*awaited, return_exceptions=True)

    def forgotten(self) -> list[str]:
        """Return how the reader wrote the calls that were never awaited."""
        calls = map(self.code.as_written, dict.fromkeys(self._forgotten))
        return [call for call in calls if call]

    @contextlib.contextmanager
    def _own_task_factory(self) -> Iterator[None]:
        earlier = self._loop.get_task_factory()

        def factory(loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any) -> Any:
            make: Any = earlier or (lambda loop, coro, **kw: asyncio.Task(coro, loop=loop, **kw))
            task = make(loop, coro, **kwargs)
            frame = inspect.currentframe()
            if self.code.starts_a_task(frame and frame.f_back):
                self._tasks.append(task)
            return task

        self._loop.set_task_factory(factory)
        try:
            yield
        finally:
            self._loop.set_task_factory(earlier)

    @contextlib.contextmanager
    def _never_awaited(self) -> Iterator[None]:
        others: list[warnings.WarningMessage] = []
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                try:
                    yield
                finally:
                    # Each holds its coroutine, which may hold another one that warns when it goes.
                    while caught:
                        others += self._sort(caught.pop(0))
        finally:
            for other in others:
                warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)

    def _sort(self, warning: warnings.WarningMessage) -> list[warnings.WarningMessage]:
        """Note a call that was never awaited, or return the warning if it is about more."""
        if not (found := _NEVER_AWAITED.search(str(warning.message))):
            return [warning]
        self._forgotten.append(found[1])
        return []


def misused(watch: Watch) -> str:
    """Return what the reader's code does wrong whatever it was to do, or nothing."""
    if watch.is_blocking:
        return (
            "Your code blocks the event loop: while it runs, nobody else gets a turn. What takes "
            "time has to be awaited, as in await asyncio.sleep(...)."
        )
    if (forgotten := watch.forgotten()) and watch.code.starts_what_it_calls():
        return (
            "`start_background_task` calls the function itself: hand it over with its arguments, "
            "as in start_background_task(io.emit, ...)."
        )
    return not_awaited(forgotten) if forgotten else ""


def not_awaited(calls: list[str]) -> str:
    """Return the sentence for calls that nobody awaits."""
    were = "was" if len(calls) == 1 else "were"
    named = enumerated(f"`{call}`" for call in calls)
    return f"{named} {were} not awaited: without await, nothing of it is ever done."


def borrowed(watch: Watch, own: socketio.AsyncServer) -> str:
    """Return that the answer uses the lesson's own server or clients, or nothing.

    Args:
        watch: What watched it.
        own: The server that it was given.
    """
    if not (names := watch.code.strangers(own)):
        return ""
    used = enumerated(f"`{name}`" for name in names)
    return f"Your function uses the lesson's own {used}, and not what the check hands over to it."


def _global_names(code: CodeType) -> list[str]:
    """Return the global names that code uses, and the functions in it."""
    names = [
        instruction.argval
        for instruction in dis.get_instructions(code)
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    ]
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names += _global_names(constant)
    return list(dict.fromkeys(names))
