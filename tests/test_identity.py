"""Who is let in, and as whom."""

import asyncio
import contextlib
import hmac
import logging

import pytest
import pytest_asyncio
from itsdangerous import URLSafeSerializer

from chatlib import identity
from chatlib.identity import FREE_FAILURES, Passcode, Trusting
from chatlib.messages import BadInputError
from support.clients import flush
from support.servers import why_refused as why_refused_by
from support.waiting import TIMEOUT

CODE, SECRET, HERE, THERE = "green tea", "a long and random text", "192.0.2.1", "192.0.2.2"
WRONG, MISSING = "The passcode is wrong.", "This chat needs a passcode."
INVALID = "The token is not valid."


class Sleeps(list):
    """Stands for `asyncio.sleep`: notes the seconds, and sleeps for as long as it is not awake."""

    def __init__(self):
        super().__init__()
        self.awake = asyncio.Event()
        self.awake.set()

    async def __call__(self, seconds):
        self.append(seconds)
        await self.awake.wait()


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


class TestSlowing:
    async def test_after_some_failures_it_takes_longer_and_longer(self, passcode, sleeps):
        await guess(passcode, FREE_FAILURES)
        assert sleeps == []
        await guess(passcode, 20)
        assert sleeps == [0.25, 0.5, 1.0, 2.0] + [4.0] * 16

    async def test_no_number_of_failures_is_too_many(self, passcode, sleeps):
        await guess(passcode, 1200)
        assert sleeps[-1] == 4.0
        assert await why_refused(passcode, {"passcode": CODE}) == ""

    async def test_the_right_one_waits_too_and_then_all_is_forgiven(self, passcode, sleeps):
        await guess(passcode, FREE_FAILURES)
        assert await why_refused(passcode, {"passcode": CODE}) == ""
        assert sleeps == [0.25]
        await guess(passcode, FREE_FAILURES)
        assert sleeps == [0.25]

    async def test_other_addresses_do_not_wait(self, passcode, sleeps):
        await guess(passcode, 10)
        slept = len(sleeps)
        await guess(passcode, FREE_FAILURES, THERE)
        assert await why_refused(passcode, {"passcode": CODE}, THERE) == ""
        assert len(sleeps) == slept + 1  # after three failures of its own

    async def test_who_guesses_in_parallel_queues_up(self, passcode, sleeps):
        await guess(passcode, FREE_FAILURES)
        sleeps.awake.clear()
        guesses = [asyncio.create_task(guess(passcode, 1)) for _ in range(10)]
        right = asyncio.create_task(why_refused(passcode, {"passcode": CODE}))
        other = asyncio.create_task(why_refused(passcode, {"passcode": CODE}, THERE))
        async with asyncio.timeout(TIMEOUT):
            assert await other == ""
            assert sleeps == [0.25]
            assert not any(task.done() for task in [*guesses, right])
            sleeps.awake.set()
            await asyncio.gather(*guesses)
            assert await right == ""
        assert sleeps == [0.25, 0.5, 1.0, 2.0] + [4.0] * 7

    async def test_the_queue_of_an_address_is_bounded(self, passcode, sleeps, monkeypatch):
        monkeypatch.setattr(identity, "MOST_WAITING", 3)
        await guess(passcode, FREE_FAILURES)
        sleeps.awake.clear()
        waiting = [asyncio.create_task(guess(passcode, 1)) for _ in range(3)]
        await asyncio.sleep(0)
        assert (await why_refused(passcode, {"passcode": CODE})).startswith("Too many wait")
        assert await why_refused(passcode, {"passcode": CODE}, THERE) == ""
        for task in waiting:  # clients may go while they wait
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        sleeps.awake.set()
        assert await why_refused(passcode, {"passcode": CODE}) == ""

    async def test_who_waits_is_not_forgotten_for_others(self, passcode, sleeps, monkeypatch):
        monkeypatch.setattr(identity, "MOST_ADDRESSES", 2)
        async with self.waiting(passcode, sleeps):
            for n in range(3):
                await guess(passcode, 1, f"198.51.100.{n}")
        await guess(passcode, 1)
        assert sleeps == [0.25, 0.5]

    async def test_who_waits_is_not_forgotten_with_time(self, passcode, sleeps, monkeypatch):
        async with self.waiting(passcode, sleeps):
            later = identity.time.monotonic() + 601
            monkeypatch.setattr(identity.time, "monotonic", lambda: later)
            again = asyncio.create_task(guess(passcode, 1))
            await asyncio.sleep(0)
        await again
        assert sleeps == [0.25, 0.5]

    @contextlib.asynccontextmanager
    async def waiting(self, passcode, sleeps):
        """Let a guess wait for its answer meanwhile."""
        await guess(passcode, FREE_FAILURES)
        sleeps.awake.clear()
        waiting = asyncio.create_task(guess(passcode, 1))
        await asyncio.sleep(0)
        yield
        sleeps.awake.set()
        await waiting

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

    async def test_failures_are_forgotten_with_time(self, passcode, sleeps, monkeypatch):
        await guess(passcode, FREE_FAILURES)
        now = identity.time.monotonic()
        monkeypatch.setattr(identity.time, "monotonic", lambda: now + 599)
        await guess(passcode, 1)
        monkeypatch.setattr(identity.time, "monotonic", lambda: now + 599 + 599)
        await guess(passcode, 1)
        assert sleeps == [0.25, 0.5]
        monkeypatch.setattr(identity.time, "monotonic", lambda: now + 599 + 599 + 601)
        await guess(passcode, 1)
        assert sleeps == [0.25, 0.5]

    async def test_the_many_addresses_of_one_home_are_one(self, passcode, sleeps):
        for host in ("1", "8000:0:0:1", "4000:0:0:1", "ffff"):
            await guess(passcode, 1, f"2001:db8::{host}")
        assert sleeps == [0.25]
        await guess(passcode, 1, "2001:db8:0:1::1")
        for address in ("::ffff:192.0.2.1", "192.0.2.1") * 2:
            await guess(passcode, 1, address)
        assert sleeps == [0.25, 0.25]
        for address in (None, "", "not an address"):
            await guess(passcode, 1, address)
        assert sleeps == [0.25, 0.25]


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
