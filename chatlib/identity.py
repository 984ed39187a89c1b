"""Who a socket is: believed, let in by a passcode, or proved by a signed token."""

import asyncio
import hashlib
import hmac
import ipaddress
import math
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from itsdangerous import BadData, URLSafeSerializer

from chatlib.messages import BadInputError, Sender, read_auth

# So many wrong passcodes a second are looked at, of one address and of all.
RATE, RATE_OF_ALL = 80, 320
# After so many wrong ones from an address of late, the answer to a wrong one comes late.
FREE_FAILURES, LATE = 3, 3.0  # seconds
_FORGET_AFTER = 600.0  # seconds without a failure
MOST_ADDRESSES = 10_000  # are remembered


class Identity(Protocol):
    """Decides who a socket is when it connects."""

    async def identify(self, sid: str, auth: Any, address: str | None) -> Sender:
        """Return who a socket is.

        Args:
            sid: The socket's id.
            auth: What the client sent on connecting; ``None`` if nothing.
            address: The network address that it comes from, if it comes from a network.

        Raises:
            BadInputError: It is refused; the message says why.
        """

    def session(self, sender: Sender) -> dict[str, str] | None:
        """Return what to tell an accepted client about itself, if anything."""


class Trusting:
    """Believes ``userId`` and ``name``: for one machine, and for people who trust each other."""

    async def identify(self, sid: str, auth: Any, address: str | None) -> Sender:  # noqa: ARG002
        """Return who a socket says that it is."""
        return read_auth(sid, auth)

    def session(self, sender: Sender) -> None:  # noqa: ARG002
        """Return nothing: the client knows who it said that it is."""
        return


class Passcode:
    """Lets in whoever knows a passcode, each as a new user; a token proves to be that user again.

    A token is a bearer credential: whoever holds it is that user, without the passcode, until the
    secret changes. It names the user and nothing else, and is good for connecting and nothing else.

    Passcodes are looked at in the order in which they come, but for those whose client has hung up.
    Only wrong ones are slowed down: of one address, which may be that of a whole school, 80 a
    second are looked at, of all addresses 320. So a right one waits no longer than the wrong ones
    before it take: three quarters of a second, if 60 people at its address do nothing but guess.

    Whoever waits for the answer to a guess, which comes three seconds late, makes 20 a minute.
    Whoever does not, with any number of connections, makes 288,000 an hour from one address, and
    1,152,000 an hour from many. All passcodes of six random letters and digits, 36 of them, take
    315 or 79 days, and those of eight 1,118 or 279 years. A word that people use is no passcode.

    Args:
        passcode: What people have to know.
        secret: What tokens are signed with, long and random. If not given, it is made up, and no
            token outlives the process.
        sleep: Waits for a number of seconds.
        clock: Tells the time, in seconds.

    Raises:
        ValueError: The passcode or the secret is empty.
    """

    def __init__(
        self,
        passcode: str,
        secret: str | None = None,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not passcode:
            raise ValueError("The passcode must not be empty.")
        if secret == "":
            raise ValueError("The secret must not be empty.")
        self._passcode = _digest(passcode)
        secret = secret or secrets.token_urlsafe(32)
        self._tokens = URLSafeSerializer(_bytes(secret), salt="chatlib user")
        self._sleep = sleep
        self._clock = clock
        self._guessers: dict[str, _Guesser] = {}
        self._all = _Guesser(RATE_OF_ALL)

    async def identify(self, sid: str, auth: Any, address: str | None) -> Sender:
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
            return str(self._tokens.loads(_bytes(token)))
        except (BadData, AttributeError):
            raise BadInputError("The token is not valid.") from None

    async def _check(self, passcode: Any, address: str | None) -> None:
        """Refuse a wrong passcode."""
        if passcode is None:  # not a guess: a page that does not know yet that it has to ask
            raise BadInputError("This chat needs a passcode.")
        guesser = self._guesser(address)
        # The turns are first come, first served, and a client that hangs up loses its own.
        async with guesser.turn:
            await self._sleep_until(guesser.next)
            async with self._all.turn:  # where each address has one at a time
                await self._sleep_until(self._all.next)
                # Digests have one length, so that the time tells nothing about the passcode's.
                right = hmac.compare_digest(_digest(passcode), self._passcode)
                if not right:
                    guesser.note_failure(self._clock())
                    self._all.note_failure(self._clock())
        if not right:
            if guesser.failures > FREE_FAILURES:
                await self._sleep(LATE)
            raise BadInputError("The passcode is wrong.")

    async def _sleep_until(self, then: float) -> None:
        if (delay := then - self._clock()) > 0:
            await self._sleep(delay)

    def _guesser(self, address: str | None) -> "_Guesser":
        """Return the guesser at an address; the one that came longest ago is forgotten first."""
        name = network(address)
        guesser = self._guessers.pop(name, None) or _Guesser(RATE)
        if self._clock() - guesser.last > _FORGET_AFTER:
            guesser.failures = 0
        self._guessers[name] = guesser  # the last of them now
        if len(self._guessers) > MOST_ADDRESSES:
            idle = (name for name, each in self._guessers.items() if not each.turn.locked())
            del self._guessers[next(idle)]
        return guesser


@dataclass
class _Guesser:
    """How often passcodes were wrong of late, and the queue of those that are to be looked at."""

    rate: float  # failures a second
    failures: int = 0
    last: float = -math.inf
    next: float = -math.inf  # when the next may be looked at
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def note_failure(self, now: float) -> None:
        self.failures += 1
        self.last = now
        # What was not used of the last second may be used now.
        self.next = max(self.next, now - 1) + 1 / self.rate


def network(address: str | None) -> str:
    """Return what counts as one client: an IPv4 address, or the IPv6 network of a home."""
    try:
        given = ipaddress.ip_address(address or "")
    except ValueError:
        return address or ""
    mapped = getattr(given, "ipv4_mapped", None)
    if given.version == 4 or mapped:
        return str(mapped or given)
    return str(ipaddress.ip_network((int(given), 64), strict=False))


def _digest(passcode: Any) -> bytes:
    return hashlib.sha256(_bytes(passcode) if isinstance(passcode, str) else b"").digest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
