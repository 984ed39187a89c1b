"""Who a socket is: believed, let in by a passcode, or proved by a signed token."""

import asyncio
import hashlib
import hmac
import ipaddress
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from itsdangerous import BadData, URLSafeSerializer

from chatlib.messages import BadInputError, Sender, read_auth

# After so many wrong passcodes from one address, each further one is answered later and later.
FREE_FAILURES = 3
_FIRST_DELAY = 0.25  # seconds
_LONGEST_DELAY = 4.0  # seconds
_FORGET_AFTER = 600.0  # seconds without a failure
# How many connections of one address may wait for an answer, and how many addresses are remembered.
MOST_WAITING = 50
MOST_ADDRESSES = 10_000


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

    Args:
        passcode: What people have to know.
        secret: What tokens are signed with, long and random. If not given, it is made up, and no
            token outlives the process.
        sleep: Waits for a number of seconds before a passcode is looked at.

    Raises:
        ValueError: The passcode or the secret is empty.
    """

    def __init__(
        self,
        passcode: str,
        secret: str | None = None,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        if not passcode:
            raise ValueError("The passcode must not be empty.")
        if secret == "":
            raise ValueError("The secret must not be empty.")
        self._passcode = _digest(passcode)
        secret = secret or secrets.token_urlsafe(32)
        self._tokens = URLSafeSerializer(_bytes(secret), salt="chatlib user")
        self._sleep = sleep
        self._guessers: dict[str, _Guesser] = {}

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
        """Refuse a wrong passcode, later each time; guesses of one address at once queue up."""
        if passcode is None:  # not a guess: a page that does not know yet that it has to ask
            raise BadInputError("This chat needs a passcode.")
        guesser = self._guesser(address)
        if guesser.waiting >= MOST_WAITING:
            raise BadInputError("Too many wait to be let in from your address; try again later.")
        guesser.waiting += 1
        try:
            async with guesser.turn:
                if delay := guesser.delay():
                    await self._sleep(delay)
                # Digests have one length, so that the time tells nothing about the passcode's.
                right = hmac.compare_digest(_digest(passcode), self._passcode)
                guesser.note(right)
        finally:
            guesser.waiting -= 1
        if not right:
            raise BadInputError("The passcode is wrong.")

    def _guesser(self, address: str | None) -> "_Guesser":
        """Return the guesser at an address; the one that guessed longest ago is forgotten first."""
        network, now = _network(address), time.monotonic()
        guesser = self._guessers.pop(network, None)
        if not guesser or (not guesser.waiting and now - guesser.last > _FORGET_AFTER):
            guesser = _Guesser()
        self._guessers[network] = guesser  # the last of them now
        if len(self._guessers) > MOST_ADDRESSES:
            del self._guessers[next(name for name, g in self._guessers.items() if not g.waiting)]
        return guesser


@dataclass
class _Guesser:
    """How often an address was wrong of late, and its queue."""

    failures: int = 0
    last: float = 0.0
    waiting: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def delay(self) -> float:
        if self.failures < FREE_FAILURES:
            return 0.0
        doublings = min(self.failures - FREE_FAILURES, 10)  # or the number is too large for a float
        return float(min(_FIRST_DELAY * 2**doublings, _LONGEST_DELAY))

    def note(self, right: bool) -> None:
        self.failures = 0 if right else self.failures + 1
        self.last = time.monotonic()


def _network(address: str | None) -> str:
    """Return what counts as one guesser: an IPv4 address, or the IPv6 network of a home."""
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
