"""Who a socket is: believed, let in by a passcode, or proved by a signed token."""

import asyncio
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Any, Protocol

from itsdangerous import BadSignature, URLSafeSerializer

from chatlib.messages import BadInputError, Sender, read_auth

# After so many wrong passcodes from one address, each further one is answered later and later.
FREE_FAILURES = 3
_FIRST_DELAY = 0.25  # seconds
_LONGEST_DELAY = 4.0  # seconds
_FORGET_AFTER = 600.0  # seconds without a failure

_LONGEST_PASSCODE = 1000  # characters; more is wrong without being looked at


class Identity(Protocol):
    """Decides who a socket is when it connects."""

    async def identify(self, sid: str, auth: Any, address: str) -> Sender:
        """Return who a socket is.

        Args:
            sid: The socket's id.
            auth: What the client sent on connecting; ``None`` if nothing.
            address: The network address that it comes from.

        Raises:
            BadInputError: It is refused; the message says why.
        """

    def session(self, sender: Sender) -> dict[str, str] | None:
        """Return what to tell an accepted client of itself, if anything."""


class Trusting:
    """Believes ``userId`` and ``name``: for one machine, and for people who trust each other."""

    async def identify(self, sid: str, auth: Any, address: str) -> Sender:  # noqa: ARG002
        """Return who a socket says that it is."""
        return read_auth(sid, auth)

    def session(self, sender: Sender) -> None:  # noqa: ARG002
        """Return nothing: the client knows who it said that it is."""
        return


class Passcode:
    """Lets in who knows a passcode, and makes each of them a user that only a token proves again.

    Args:
        passcode: What people have to know.
        secret: What tokens are signed with; random if not given, and then no token outlives the
            process.
        sleep: How to wait, in seconds, before a wrong passcode is answered.
    """

    def __init__(
        self,
        passcode: str,
        secret: str | None = None,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        if not passcode:
            raise ValueError("The passcode must not be empty.")
        self._passcode = passcode.encode()
        self._tokens = URLSafeSerializer(secret or secrets.token_urlsafe(32), salt="chatlib user")
        self._sleep = sleep
        self._failures = _Failures()

    async def identify(self, sid: str, auth: Any, address: str) -> Sender:
        """Return the user that a token proves, or a new one if the passcode is right."""
        sender = read_auth(sid, auth)
        auth = auth or {}
        if "token" in auth:
            user = self._user_of(auth["token"])
            if str(sender.get("userId", user)) != user:
                raise BadInputError("The token is not that of this userId.")
            return {**sender, "userId": user}
        await self._check(auth.get("passcode"), address)
        if "userId" in sender:
            raise BadInputError("A userId needs its token.")
        return {**sender, "userId": secrets.token_urlsafe(9)}

    def session(self, sender: Sender) -> dict[str, str]:
        """Return the user's id, and the token that proves it on another tab or another day."""
        user = str(sender["userId"])
        return {"userId": user, "token": self._tokens.dumps(user)}

    def _user_of(self, token: Any) -> str:
        try:
            return str(self._tokens.loads(token))
        except (BadSignature, TypeError, ValueError, AttributeError):
            raise BadInputError("The token is not valid.") from None

    async def _check(self, passcode: Any, address: str) -> None:
        """Refuse a passcode that is wrong, later each time; who guesses in parallel queues up."""
        async with self._failures.turn(address):
            given = passcode if isinstance(passcode, str) else ""
            fits = len(given) <= _LONGEST_PASSCODE
            right = hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self._passcode)
            delay = self._failures.delay(address)
            if delay:
                await self._sleep(delay)
            if right and fits:
                self._failures.forget(address)
                return
            self._failures.note(address)
        if passcode is None:
            raise BadInputError("This chat needs a passcode.")
        raise BadInputError("The passcode is wrong.")


class _Failures:
    """How often each address was wrong of late."""

    def __init__(self) -> None:
        self._counts: dict[str, tuple[int, float]] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    def turn(self, address: str) -> asyncio.Lock:
        now = time.monotonic()
        for stale in [a for a, (_, last) in self._counts.items() if now - last > _FORGET_AFTER]:
            self.forget(stale)
        return self._turns.setdefault(address, asyncio.Lock())

    def delay(self, address: str) -> float:
        count, _ = self._counts.get(address, (0, 0.0))
        if count < FREE_FAILURES:
            return 0.0
        return float(min(_FIRST_DELAY * 2 ** (count - FREE_FAILURES), _LONGEST_DELAY))

    def note(self, address: str) -> None:
        count, _ = self._counts.get(address, (0, 0.0))
        self._counts[address] = (count + 1, time.monotonic())

    def forget(self, address: str) -> None:
        self._counts.pop(address, None)
        self._turns.pop(address, None)
