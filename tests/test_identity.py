"""Who is let in, and as whom."""

import asyncio
import heapq
import hmac
import itertools
import logging

import pytest
import pytest_asyncio
from itsdangerous import URLSafeSerializer

from chatlib import identity
from chatlib.identity import FREE_FAILURES, LATE, RATE, RATE_OF_ALL, Passcode, Trusting
from chatlib.messages import BadInputError
from support.clients import flush
from support.servers import why_refused as why_refused_by
from support.waiting import TIMEOUT

CODE, SECRET, HERE, THERE = "green tea", "a long and random text", "192.0.2.1", "192.0.2.2"
WRONG, MISSING = "The passcode is wrong.", "This chat needs a passcode."
INVALID = "The token is not valid."


class Sleeps(list):
    """Stands for `asyncio.sleep`: notes the seconds."""

    async def __call__(self, seconds):
        self.append(seconds)


@pytest.fixture
def sleeps():
    return Sleeps()


@pytest.fixture
def passcode(sleeps):
    return Passcode(CODE, SECRET, sleep=sleeps)


async def why_refused(who, auth, address=HERE):
    """Return the sentence with which ``auth`` is refused, or empty text if it is not."""
    try:
        await who.identify("~sid", auth, address)
    except BadInputError as error:
        return str(error)
    return ""


async def guess(who, times, address=HERE):
    for _ in range(times):
        assert await why_refused(who, {"passcode": "guess"}, address) == WRONG


class TestTrusting:
    async def test_it_believes(self):
        auth = {"userId": "alice", "name": "Alice", "token": "x", "passcode": "y", "other": 1}
        sender = await Trusting().identify("~sid", auth, HERE)
        assert sender == {"id": "~sid", "userId": "alice", "name": "Alice"}
        assert await Trusting().identify("~sid", None, HERE) == {"id": "~sid"}
        assert Trusting().session(sender) is None

    @pytest.mark.parametrize("auth", ["alice", [], 1, {"userId": ""}, {"userId": []}, {"name": 1}])
    async def test_it_refuses_what_makes_no_sense(self, auth):
        assert (await why_refused(Trusting(), auth)).endswith(".")


class TestPasscode:
    async def test_the_right_one_makes_a_new_user_each_time(self, passcode):
        auth = {"passcode": CODE, "name": "Alice"}
        users = [await passcode.identify("~sid", auth, HERE) for _ in range(2)]
        assert all(user == user | {"id": "~sid", "name": "Alice"} for user in users)
        assert users[0]["userId"] != users[1]["userId"]
        assert all(len(user["userId"]) >= 12 for user in users)

    @pytest.mark.parametrize("auth", [None, {}, {"name": "Alice"}, {"passcode": None}])
    async def test_a_missing_one_is_no_guess(self, passcode, sleeps, auth):
        for _ in range(20):
            assert await why_refused(passcode, auth) == MISSING
        assert await why_refused(passcode, {"passcode": CODE}) == ""
        assert sleeps == []

    @pytest.mark.parametrize(
        "given",
        [
            "",
            *(CODE[:length] for length in range(1, len(CODE))),
            CODE[1:],
            CODE + " ",
            CODE + CODE,
            CODE + "\0",
            CODE.upper(),
            "green teA",
            "Green tea",
            "x" * len(CODE),
            CODE * 100_000,
            "\ud800",
        ],
        ids=lambda given: ascii(given[:12]),
    )
    async def test_a_wrong_one_is_refused(self, passcode, given):
        assert await why_refused(passcode, {"passcode": given}) == WRONG

    @pytest.mark.parametrize("given", [0, 1, True, [CODE], {"a": CODE}, [], {}, 1.5, b"green tea"])
    async def test_what_is_not_text_is_refused(self, passcode, given):
        assert await why_refused(passcode, {"passcode": given}) == WRONG

    @pytest.mark.parametrize("code", ["é", "e\u0301", "茶", "🍵", "\ud800", "x" * 5000, "1", " "])
    async def test_any_text_can_be_one(self, code):
        who = Passcode(code)
        assert await why_refused(who, {"passcode": code}) == ""
        assert await why_refused(who, {"passcode": code + "x"}) == WRONG
        assert await why_refused(who, {"passcode": 1}) == WRONG

    @pytest.mark.parametrize(("code", "secret"), [("", SECRET), ("", None), (CODE, "")])
    def test_an_empty_one_or_an_empty_secret_is_a_mistake(self, code, secret):
        with pytest.raises(ValueError, match="must not be empty"):
            Passcode(code, secret)

    async def test_it_is_compared_in_constant_time_and_whole(self, passcode, monkeypatch):
        compared = []
        compare = hmac.compare_digest
        monkeypatch.setattr(
            hmac, "compare_digest", lambda *both: compared.append(both) or compare(*both)
        )
        for given in ("", "g", CODE, "x" * 5000, 7):
            await why_refused(passcode, {"passcode": given})
        assert len(compared) == 5
        lengths = {len(one) for both in compared for one in both}
        assert len(lengths) == 1  # not even the length can be told from the time

    @pytest.mark.parametrize("auth", ["x", [], 1, {"userId": [], "passcode": CODE}])
    async def test_what_makes_no_sense_is_refused_at_once(self, passcode, auth):
        assert (await why_refused(passcode, auth)).startswith(("auth must", "userId must"))


class Clock:
    """Stands for the time: it goes on once everyone sleeps, to when the first one wakes up."""

    def __init__(self):
        self.now = 0.0
        self._sleepers = []
        self._numbers = itertools.count()
        self._moves = 0

    def __call__(self):
        self._moves += 1  # whoever is not asleep looks at it
        return self.now

    async def sleep(self, seconds):
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._numbers), woken))
        await woken

    async def run(self, seconds):
        """Let so many seconds go by."""
        end = self.now + seconds
        while True:
            await self._all_sleep()
            if not self._sleepers or self._sleepers[0][0] > end:
                self.now = end
                return
            self.now, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)

    async def _all_sleep(self):
        moves = None
        while moves != self._moves:
            moves = self._moves
            for _ in range(8):
                await asyncio.sleep(0)


class Attack:
    """People who do nothing but guess, and what they get by it."""

    def __init__(self, who, clock):
        self._who, self._clock = who, clock
        self._tasks = []

    def start(self, people, patience=None, address=HERE):
        """Let people guess: they hang up after their patience, or wait for each answer."""
        for n in range(people):
            where = address if isinstance(address, str) else address(n)
            self._tasks.append(asyncio.create_task(self._guess(where, patience)))

    async def _guess(self, address, patience):
        while True:
            guess = asyncio.create_task(why_refused(self._who, {"passcode": "guess"}, address))
            try:
                if patience is not None:
                    await self._clock.sleep(patience)
                    guess.cancel()
                await asyncio.wait([guess])
            finally:
                guess.cancel()
                await asyncio.wait([guess])

    async def stop(self):
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
def looked_at(monkeypatch):
    """The passcodes that were looked at."""
    looked_at = []
    compare = hmac.compare_digest
    monkeypatch.setattr(
        hmac, "compare_digest", lambda *both: looked_at.append(both) or compare(*both)
    )
    return looked_at


class TestGuessing:
    """A right passcode is let in soon whatever others guess, and guessing is slow."""

    @pytest_asyncio.fixture
    async def clock(self):
        return Clock()

    @pytest.fixture
    def passcode(self, clock):
        return Passcode(CODE, SECRET, sleep=clock.sleep, clock=clock)

    @pytest_asyncio.fixture
    async def attack(self, passcode, clock):
        attack = Attack(passcode, clock)
        yield attack
        await attack.stop()

    async def seconds_until_in(self, passcode, clock, address=HERE):
        came = clock.now
        task = asyncio.create_task(why_refused(passcode, {"passcode": CODE}, address))
        await clock.run(0)
        while not task.done():
            await clock.run(0.01)
        assert task.result() == ""
        return clock.now - came

    @pytest.mark.parametrize(
        "patience",
        [None, *(pytest.param(p, marks=pytest.mark.slow) for p in (0.05, 0.1)), 0.5, 0.76, 1, 2],
    )
    async def test_sixty_who_guess_hold_up_a_right_one_for_less_than_a_second(
        self, passcode, clock, attack, patience
    ):
        attack.start(60, patience)
        for _ in range(3):
            await clock.run(0.9)
            assert await self.seconds_until_in(passcode, clock) <= 60 / RATE + 0.02 < 1

    async def test_one_address_guesses_no_faster_than_its_rate(self, clock, attack, looked_at):
        for patience in (None, 0.1, 1):
            attack.start(50, patience)
        await clock.run(10)
        assert RATE * 8 < len(looked_at) <= RATE * 11 + 1  # a second's worth at the start

    async def test_all_addresses_guess_no_faster_than_the_rate_of_all(
        self, passcode, clock, attack, looked_at
    ):
        attack.start(600, address="198.51.100.{}".format)
        attack.start(600, 0.5, "2001:db8:0:{:x}::1".format)
        await clock.run(4)
        assert RATE_OF_ALL * 3 < len(looked_at) <= RATE_OF_ALL * 5 + 1

    async def test_who_guesses_at_one_address_holds_up_no_other(self, passcode, clock, attack):
        attack.start(500, 5)
        await clock.run(10)
        assert await self.seconds_until_in(passcode, clock, THERE) < 0.02

    async def test_a_class_comes_in_at_once_however_large(self, passcode, clock, attack):
        attack.start(60, 0.7)
        await clock.run(5)
        right = [
            asyncio.create_task(why_refused(passcode, {"passcode": CODE}, HERE)) for _ in range(300)
        ]
        await clock.run(1)
        assert [task.result() for task in right] == [""] * 300

    async def test_who_waits_for_the_answers_makes_twenty_guesses_a_minute(
        self, clock, attack, looked_at
    ):
        attack.start(1)
        await clock.run(59)
        assert len(looked_at) == FREE_FAILURES + 20


class TestAnswers:
    async def test_the_first_wrong_ones_are_answered_at_once_and_the_others_late(
        self, passcode, sleeps
    ):
        await guess(passcode, FREE_FAILURES)
        assert sleeps == []
        await guess(passcode, 5)
        assert sleeps == [LATE] * 5

    async def test_a_right_one_is_not(self, passcode, sleeps):
        await guess(passcode, 20)
        sleeps.clear()
        assert await why_refused(passcode, {"passcode": CODE}) == ""
        assert sleeps == []

    async def test_other_addresses_do_not_wait(self, passcode, sleeps):
        await guess(passcode, 10)
        sleeps.clear()
        await guess(passcode, FREE_FAILURES, THERE)
        assert sleeps == []

    async def test_what_is_remembered_is_bounded(self, passcode, sleeps, monkeypatch):
        monkeypatch.setattr(identity, "MOST_ADDRESSES", 10)
        await guess(passcode, FREE_FAILURES, THERE)
        for n in range(50):
            await guess(passcode, 1, f"198.51.100.{n}")
            if n % 5 == 0:
                await guess(passcode, 1, HERE)
        assert len(passcode._guessers) == 10
        assert len(sleeps) == 10 - FREE_FAILURES  # of the one that kept guessing
        await guess(passcode, 1, THERE)
        assert len(sleeps) == 10 - FREE_FAILURES  # long forgotten

    async def test_who_waits_for_a_turn_is_not_forgotten(self, passcode, monkeypatch):
        monkeypatch.setattr(identity, "MOST_ADDRESSES", 2)
        guesser = passcode._guesser(HERE)
        async with guesser.turn:
            for n in range(5):
                await guess(passcode, 1, f"198.51.100.{n}")
            assert passcode._guesser(HERE) is guesser

    async def test_failures_are_forgotten_with_time(self, sleeps):
        now = 0.0
        passcode = Passcode(CODE, SECRET, sleep=sleeps, clock=lambda: now)
        await guess(passcode, FREE_FAILURES)
        now += 599
        await guess(passcode, 1)
        now += 599
        await guess(passcode, 1)
        assert sleeps == [LATE] * 2
        now += 601
        await guess(passcode, FREE_FAILURES)
        assert sleeps == [LATE] * 2

    async def test_the_many_addresses_of_one_home_are_one(self, passcode, sleeps):
        for host in ("1", "8000:0:0:1", "4000:0:0:1", "ffff"):
            await guess(passcode, 1, f"2001:db8::{host}")
        assert sleeps == [LATE]
        await guess(passcode, 1, "2001:db8:0:1::1")
        for address in ("::ffff:192.0.2.1", "192.0.2.1") * 2:
            await guess(passcode, 1, address)
        assert sleeps == [LATE] * 2
        for address in (None, "", "not an address"):
            await guess(passcode, 1, address)
        assert sleeps == [LATE] * 2


class TestToken:
    @pytest_asyncio.fixture
    async def alice(self, passcode):
        return passcode.session(await passcode.identify("~sid", {"passcode": CODE}, HERE))

    @staticmethod
    async def user(who, auth):
        return (await who.identify("~new", auth, HERE))["userId"]

    async def test_it_proves_the_same_user(self, passcode, alice):
        assert set(alice) == {"userId", "token"}
        assert await self.user(passcode, {"token": alice["token"]}) == alice["userId"]
        assert await self.user(passcode, alice | {"name": "Alice"}) == alice["userId"]
        assert await self.user(passcode, alice | {"passcode": "wrong"}) == alice["userId"]

    async def test_after_a_restart_with_the_same_secret(self, alice):
        assert await self.user(Passcode("another", SECRET), alice) == alice["userId"]

    async def test_not_with_another_secret_or_none(self, alice):
        for secret in ("another", SECRET + "x", SECRET[:-1], None):
            assert await why_refused(Passcode(CODE, secret), alice) == INVALID
        ours, theirs = Passcode(CODE), Passcode(CODE)  # each makes up its own
        token = ours.session({"id": "~sid", "userId": "x"})
        assert await why_refused(ours, token) == ""
        assert await why_refused(theirs, token) == INVALID

    async def test_not_altered(self, passcode, alice):
        token = alice["token"]
        for place in range(len(token)):
            other = "A" if token[place] != "A" else "B"
            altered = token[:place] + other + token[place + 1 :]
            why = await why_refused(passcode, {"token": altered})
            # The last character of base64 has bits that mean nothing.
            assert why == INVALID or (place == len(token) - 1 and why == ""), place
        for altered in (token[:-1], token[1:], token + "A", token + ".", "." + token, token * 2):
            assert await why_refused(passcode, {"token": altered}) == INVALID

    async def test_not_the_signature_of_another_user(self, passcode, alice):
        bob = passcode.session({"id": "~sid", "userId": "bob"})
        mixed = bob["token"].rpartition(".")[0] + "." + alice["token"].rpartition(".")[2]
        assert await why_refused(passcode, {"token": mixed}) == INVALID

    async def test_not_for_another_user(self, passcode, alice):
        bob = passcode.session({"id": "~sid", "userId": "bob"})
        why = await why_refused(passcode, {"userId": "bob", "token": alice["token"]})
        assert why == "The token is not that of this userId."
        why = await why_refused(passcode, {"userId": alice["userId"], "token": bob["token"]})
        assert why == "The token is not that of this userId."

    @pytest.mark.parametrize("passes", [True, False])
    async def test_a_user_without_it_is_refused(self, passcode, alice, passes):
        auth = {"userId": alice["userId"], "passcode": CODE if passes else "wrong"}
        expected = "A userId needs its token." if passes else WRONG
        assert await why_refused(passcode, auth) == expected

    @pytest.mark.parametrize(
        "token", [None, "", ".", "x", 0, 7, True, [], {}, ["x"], b"x", "\ud800", "é", "x" * 10**6]
    )
    async def test_what_is_no_token_is_refused(self, passcode, token):
        assert await why_refused(passcode, {"token": token, "passcode": CODE}) == INVALID

    async def test_it_is_good_for_nothing_else(self, passcode, alice):
        """Nor is what the same secret signed for anything else a token."""
        assert await why_refused(passcode, {"passcode": alice["token"]}) == WRONG
        for salt in ("itsdangerous", "another", ""):
            other = URLSafeSerializer(SECRET, salt=salt).dumps(alice["userId"])
            assert await why_refused(passcode, {"token": other}) == INVALID
            with pytest.raises(Exception, match="does not match"):
                URLSafeSerializer(SECRET, salt=salt).loads(alice["token"])


class TestServer:
    """The same with a server and its clients."""

    @pytest_asyncio.fixture
    async def start(self, servers):
        async def start(secret=None, **options):
            who = Passcode(CODE, secret, sleep=Sleeps())
            return await servers(identity=who, history=False, **options)

        return start

    @staticmethod
    async def come_in(server, auth=None):
        client = await server.connect(auth or {"passcode": CODE, "name": "Alice"})
        await flush(client)
        [[session]] = client.inbox.named("session")
        return client, session

    async def test_a_session_is_told_to_its_socket_alone(self, start):
        server = await start()
        alice, of_alice = await self.come_in(server)
        _, of_bob = await self.come_in(server)
        await flush(alice)
        assert set(of_alice) == set(of_bob) == {"userId", "token"}
        assert of_alice["userId"] != of_bob["userId"]
        assert alice.inbox.named("session") == [(of_alice,)]
        assert of_bob["token"] not in repr(alice.inbox)

    async def test_a_second_tab_is_the_same_user(self, start):
        server = await start()
        alice, session = await self.come_in(server)
        tab, again = await self.come_in(server, {"token": session["token"], "name": "Alice"})
        bob, of_bob = await self.come_in(server)
        assert again == session
        sent = {"text": "hi", "user": session["userId"]}
        assert (await bob.call("message", sent, timeout=TIMEOUT))["ok"]
        await flush(alice, tab)
        for client in (alice, tab):
            [[heard]] = client.inbox.named("single-message")
            assert heard["from"]["userId"] == of_bob["userId"]
        await alice.call("message", {"text": "yes", "user": of_bob["userId"]}, timeout=TIMEOUT)
        await flush(tab, bob)
        assert tab.inbox.named("single-message") == [
            *tab.inbox.named("single-message")[:1],
            *bob.inbox.named("single-message"),
        ]
        assert session["token"] not in repr([alice.inbox[2:], bob.inbox])

    async def test_after_a_restart_with_the_secret_and_not_without(self, start):
        server = await start(SECRET)
        _, session = await self.come_in(server)
        await server.stop()
        server = await start(SECRET)
        assert (await self.come_in(server, session))[1] == session
        await server.stop()
        server = await start()
        assert await why_refused_by(server.url, session) == INVALID

    async def test_strangers_are_refused_with_one_sentence_and_hear_nothing(self, start):
        server = await start()
        alice, session = await self.come_in(server)
        seen = len(alice.inbox)
        for auth, why in [
            ({}, MISSING),
            ({"userId": session["userId"]}, MISSING),
            ({"passcode": "guess"}, WRONG),
            ({"passcode": CODE[:-1]}, WRONG),
            ({"passcode": CODE, "userId": session["userId"]}, "A userId needs its token."),
            ({"token": session["token"] + "A"}, INVALID),
            (session | {"userId": "bob"}, "The token is not that of this userId."),
        ]:
            assert await why_refused_by(server.url, auth) == why
        await flush(alice)
        assert all(event == "flush" for event, _ in alice.inbox[seen:])

    async def test_a_guess_counts_for_the_address_that_it_comes_from(self, servers):
        addresses = []

        class Noting(Trusting):
            async def identify(self, sid, auth, address):
                addresses.append(address)
                return await super().identify(sid, auth, address)

        server = await servers(identity=Noting(), history=False)
        await server.connect()
        assert addresses == ["127.0.0.1"]

    async def test_nothing_secret_is_logged(self, start, caplog):
        caplog.set_level(logging.DEBUG)
        server = await start(SECRET)
        alice, session = await self.come_in(server)
        await self.come_in(server, session)
        await why_refused_by(server.url, {"passcode": "a bad guess"})
        await why_refused_by(server.url, {"token": "a bad token"})
        await alice.call("message", {"text": "hi"}, timeout=TIMEOUT)
        ours = "".join(r.getMessage() for r in caplog.records if r.name == "chatlib")
        assert "User connected" in ours
        for secret in (CODE, SECRET, session["token"], "a bad guess", "a bad token"):
            assert secret not in ours
