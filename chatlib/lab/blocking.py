"""Stops code that blocks the event loop: at an Interrupt, or by itself."""

import _thread
import asyncio
import contextlib
import ctypes
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Generator
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self, TypeVar

try:
    # `signal.signal` tries to make an enum of each handler, which takes twenty times as long.
    import _signal as handlers  # type: ignore[import-not-found]
except ImportError:
    import signal as handlers

_Result = TypeVar("_Result")

# Code that keeps its turn for so many seconds blocks the event loop. A shorter turn ends by itself,
# and an Interrupt is then for the cell that waits.
TURN = 0.3


class BlockedLoopError(Exception):
    """Code blocked the event loop, and was stopped."""


class Stop(BaseException):
    """Ends code where it blocks the event loop.

    The code's own ``except Exception`` lets it pass, and unlike `KeyboardInterrupt` it does not end
    the event loop, and with that the kernel.
    """


async def stoppable(
    coroutine: Coroutine[Any, Any, _Result], blocked: Callable[[float], None]
) -> _Result:
    """Await a coroutine, and let an Interrupt stop it where it blocks the event loop.

    ipykernel passes an Interrupt on to the cell when the event loop turns, which it then does not,
    and ignores it between cells. So it comes here first while the coroutine has its turn.

    Args:
        coroutine: What to await.
        blocked: Is told for how many seconds a turn has blocked the event loop, if it has.

    Returns:
        What the coroutine returned.

    Raises:
        BlockedLoopError: It was stopped.
        Exception: What the coroutine raised.
    """
    try:
        result: _Result = await _Turns(coroutine, blocked)
    except Stop as stop:
        raise BlockedLoopError(
            "This code blocked the event loop and was stopped: while it ran, nobody else got a "
            "turn. What takes time has to be awaited, as in await asyncio.sleep(...)."
        ).with_traceback(stop.__traceback__) from None
    return result


class _Turns:
    """Awaits a coroutine turn by turn."""

    def __init__(
        self, coroutine: Coroutine[Any, Any, Any], blocked: Callable[[float], None]
    ) -> None:
        self._coroutine = coroutine
        self._blocked = blocked

    def __await__(self) -> Generator[Any, Any, Any]:
        resume: Callable[[Any], Any] = self._coroutine.send
        value: Any = None
        while True:
            try:
                with _Turn(self._blocked):
                    awaited = resume(value)
            except StopIteration as ended:
                return ended.value
            try:
                resume, value = self._coroutine.send, (yield awaited)
            except GeneratorExit:
                self._coroutine.close()
                raise
            except BaseException as error:  # noqa: BLE001  (the coroutine's to handle)
                resume, value = self._coroutine.throw, error


class _Turn:
    """Catches an Interrupt while a coroutine has its turn, and stops it if that does not end."""

    def __init__(self, blocked: Callable[[float], None]) -> None:
        self._blocked = blocked
        self._earlier: Any = None
        self._stopper = _Stopper()
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()
        self._has_ended = self._is_interrupted = False

    def __enter__(self) -> None:
        self._since = time.monotonic()
        if threading.current_thread() is not threading.main_thread():
            return
        self._earlier = handlers.getsignal(signal.SIGINT)
        if self._earlier is not None:  # None is one of C's, which could not be set again
            handlers.signal(signal.SIGINT, self._on_interrupt)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._has_ended = True
        self._stopper.end()
        if self._timer:
            self._timer.cancel()
        if self._earlier is not None:
            found = handlers.signal(signal.SIGINT, self._earlier)
            if found != self._on_interrupt:  # the coroutine's own, which is to stay
                handlers.signal(signal.SIGINT, found)
        if (seconds := time.monotonic() - self._since) > TURN:
            self._blocked(seconds)
        if self._is_interrupted and not self._stopper.has_stopped:  # it was for somebody else
            signal.raise_signal(signal.SIGINT)

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        __tracebackhide__ = True
        self._is_interrupted = True
        # Around the turn itself, an exception would end more than the coroutine.
        if self._has_ended or _is_own(frame):
            return
        left = self._since + TURN - time.monotonic()
        if self._timer:
            self._timer.cancel()
        # An `except:` may take the exception and go on, so that one is not always enough.
        self._timer = threading.Timer(left if left > 0 else TURN, self._interrupt_again)
        self._timer.start()
        if left <= 0:
            self._stopper.stop(frame)

    def _interrupt_again(self) -> None:
        with self._lock:
            if not self._has_ended:
                _interrupt_main_thread()


class LoopWatch:
    """Stops code of one kind, without being asked, when it blocks the running event loop.

    In the main thread it takes the system's timer, SIGALRM, where there is one. Elsewhere a thread
    looks on, which stops code that sleeps only when that wakes up.

    Args:
        patience: For how many seconds the code may block the event loop.
        is_guilty: Tells whether such code is running, among a frame and its callers.
    """

    def __init__(self, patience: float, is_guilty: Callable[[FrameType | None], object]) -> None:
        self._patience = patience
        self._is_guilty = is_guilty
        self._loop = asyncio.get_running_loop()
        self._watched = threading.get_ident()
        self._has_alarm = hasattr(signal, "setitimer") and (
            threading.current_thread() is threading.main_thread()
        )
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        self._has_ended = threading.Event()
        self._is_suspect = False
        self._stopper = _Stopper()

    @property
    def has_stopped(self) -> bool:
        """Whether it has stopped any code."""
        return self._stopper.has_stopped

    def __enter__(self) -> Self:
        if self._has_alarm:
            self._earlier = signal.signal(signal.SIGALRM, self._on_alarm)
        self._turned()
        if not self._has_alarm:
            with contextlib.suppress(RuntimeError):  # Python in a browser has no threads
                self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._has_ended.set()
        if self._thread.is_alive():
            self._thread.join()
        self._next_turn.cancel()
        if self._has_alarm:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._earlier)
        self._stopper.end()

    def _turned(self) -> None:
        self._since = time.monotonic()
        self._is_suspect = False
        if self._has_alarm:
            signal.setitimer(signal.ITIMER_REAL, self._patience, self._patience / 2)
        self._next_turn = self._loop.call_later(self._patience / 10, self._turned)

    def _is_to_be_stopped(self, frame: FrameType | None) -> bool:
        """Tell it of code that is guilty at two looks: a busy machine may make it late at one."""
        is_blocked = time.monotonic() - self._since > self._patience
        was_suspect = self._is_suspect
        self._is_suspect = is_blocked and bool(self._is_guilty(frame))
        return self._is_suspect and was_suspect

    def _on_alarm(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        __tracebackhide__ = True
        if self._is_to_be_stopped(frame):
            self._stopper.stop(frame)

    def _look_on(self) -> None:
        while not self._has_ended.wait(self._patience / 2):
            if self._is_to_be_stopped(sys._current_frames().get(self._watched)):
                self._stopper.has_stopped = True
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self._watched), ctypes.py_object(Stop)
                )


class _Stopper:
    """Raises `Stop` in the code that a signal has interrupted; again, if that was in vain."""

    def __init__(self) -> None:
        self.has_stopped = False
        self._earlier: Any = None
        self._is_tracing = False

    def stop(self, frame: FrameType | None) -> NoReturn:
        """Raise `Stop`.

        Args:
            frame: Where the signal came.

        Raises:
            Stop: Always.
        """
        __tracebackhide__ = True
        if self.has_stopped:  # an `except:` took it: raise it once more in that clause
            self._trace(frame)
        self.has_stopped = True
        raise Stop

    def end(self) -> None:
        """Leave nothing behind."""
        if self._is_tracing:
            sys.settrace(self._earlier)
            self._is_tracing = False

    def _trace(self, frame: FrameType | None) -> None:
        if not self._is_tracing:
            self._earlier, self._is_tracing = sys.gettrace(), True
        while frame and not _is_own(frame):
            frame.f_trace = _stop_at_next_line
            frame = frame.f_back
        sys.settrace(lambda *_: None)


def _stop_at_next_line(frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ARG001
    __tracebackhide__ = True
    if event == "line":
        raise Stop
    return _stop_at_next_line


def _is_own(frame: FrameType | None) -> bool:
    return frame is not None and frame.f_code.co_filename == __file__


def _interrupt_main_thread() -> None:
    main = threading.main_thread().ident
    if main and hasattr(signal, "pthread_kill"):
        signal.pthread_kill(main, signal.SIGINT)  # that ends a `time.sleep`, too
    else:
        _thread.interrupt_main()
