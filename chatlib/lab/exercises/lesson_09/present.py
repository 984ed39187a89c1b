"""Exercise 09.5: a token that is told to nobody."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from chatlib.lab.exercises.exercise import Repair, Stage, run
from chatlib.lab.exercises.lesson_09.shared import try_the_door
from chatlib.lab.exercises.stage import NothingCameError, WrongAnswerError
from chatlib.lab.trace import SERVER, Packet
from chatlib.lab.words import as_json


@dataclass(frozen=True)
class _Holders:
    """Who has a token, and says what; what a stranger comes with; who has another's name."""

    texts: dict[str, str]
    stranger: str
    stranger_auth: Any
    names: dict[str, str] = field(default_factory=dict)

    def have_heard(self, found: Iterable[Packet]) -> bool:
        """Tell whether all have heard "news"."""
        return {p.target for p in found if p.event == "news"} >= self.texts.keys()


class _Tokens:
    """Two tokens for each of some people, and the user that either of them proves."""

    def __init__(
        self, users: dict[str, str], sign: Callable[[], str], names: Mapping[str, str]
    ) -> None:
        self.users = users
        self.names = {name: names.get(name, name) for name in users}
        self.tokens = {
            name: [f"{user}.{name[::-1]}.{sign()}" for _ in range(2)]
            for name, user in users.items()
        }

    def auth(self, name: str, number: int = 0) -> dict[str, str]:
        """Return what somebody comes with: a token, a name, and a ``user`` that is not believed."""
        return {"token": self.tokens[name][number], "name": self.names[name], "user": "u-0"}

    def user_of(self, auth: Any) -> str | None:
        """Return the user whose token somebody has, or None."""
        token = auth.get("token") if isinstance(auth, dict) else None
        return next((self.users[name] for name in self.users if token in self.tokens[name]), None)

    def check_kept(self, stage: Stage, after: str, packets: Iterable[Packet]) -> None:
        """See that nobody has heard somebody else's token."""
        for packet in packets:
            for owner, tokens in self.tokens.items():
                data = as_json(packet.data)
                if packet.target != owner and any(token in data for token in tokens):
                    stage.fail(
                        f"After {after}, {packet.target} {_got(packet)} with the token "
                        f"of {owner} in it: whoever has that is {owner}."
                    )


def _got(packet: Packet) -> str:
    """Return how a client got a packet, as the end of a sentence."""
    did = "got an acknowledgement of" if packet.kind == "ack" else "heard"
    return f'{did} "{packet.event}"'


async def _say(client: Any, text: str) -> list[Packet]:
    """Emit "say", and return a list to which the answer comes, if one does."""
    answers: list[Packet] = []

    def answered(*data: Any) -> None:
        answers.append(Packet("ack", SERVER, client.name, "say", data))

    await client.emit("say", text, callback=answered)
    return answers


async def _a_present(answer: Callable[..., Any], stage: Stage, scene: _Holders) -> None:
    users = {name: uuid4().hex[:8] for name in scene.texts}
    tokens = _Tokens(users, lambda: uuid4().hex, scene.names)
    await run(answer, stage.io, tokens.user_of)
    clients = [await _come(stage, tokens, name) for name in scene.texts]
    stranger, _ = await try_the_door(stage, scene.stranger, scene.stranger_auth)
    if stranger:
        stage.fail(f"{scene.stranger} has no token, and was let in.")
    tokens.check_kept(stage, "all had come", await stage.deliveries())
    for client in (*clients, *clients):
        answers = await _say(client, scene.texts[client.name])
        await _judge_news(stage, scene, tokens, client.name, answers)
    await _compare_tokens(stage, scene, tokens, clients[0], clients[1:])


async def _come(stage: Stage, tokens: _Tokens, name: str, number: int = 0) -> Any:
    client, _ = await try_the_door(stage, name, tokens.auth(name, number))
    if not client:
        stage.fail(f"{name} has a token, and was not let in.")
    return client


async def _compare_tokens(
    stage: Stage, scene: _Holders, tokens: _Tokens, client: Any, others: list[Any]
) -> None:
    """See that what others hear is the same with either token of somebody.

    What is made from a token, in whatever code, comes and goes with it; ids and times do not.
    """
    heard: list[Packet] = []
    for other in others:  # themselves: a picture has no bytes
        other.on(
            "*",
            lambda event, *data, who=other.name: heard.append(
                Packet("event", SERVER, who, event, data)
            ),
        )
    name, rounds = client.name, []
    for number in (0, 1, 1, 0):
        await client.disconnect()
        tokens.check_kept(stage, f"{name} left", await stage.deliveries())
        heard.clear()
        client = await _come(stage, tokens, name, number)
        await client.emit("say", scene.texts[name])
        packets = await stage.deliveries(scene.have_heard)
        tokens.check_kept(stage, f'{name} came back and emitted "say"', packets)
        answers = await _say(others[0], scene.texts[others[0].name])
        await stage.deliveries(scene.have_heard)
        everything = sorted((*heard, *answers), key=lambda one: (one.target, one.kind, one.event))
        rounds.append(_leaves([(one.target, _got(one), one.data) for one in everything]))
    first = rounds[0]
    for path in first:
        one, other, other_again, one_again = (leaves.get(path) for leaves in rounds)
        if one == one_again != other == other_again:
            stage.fail(
                f"{first[path[0], 0]} {first[path[0], 1]} with something in it that is "
                f"made from the token of {name}: whoever can undo that is {name}."
            )


def _leaves(data: Any, path: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], Any]:
    """Return what is in data and is no list or object, by the ways to it.

    There are two ways to each, as a list may grow: counted from the beginning and from the end.
    """
    match data:
        case dict():
            parts = [*data.items(), *_from_the_end([*data.items()])]
        case list() | tuple():
            parts = [*enumerate(data), *_from_the_end(data)]
        case _:
            return {path: data}
    return {key: value for at, part in parts for key, value in _leaves(part, (*path, at)).items()}


def _from_the_end(parts: Sequence[Any]) -> list[tuple[Any, Any]]:
    return [(number - len(parts), part) for number, part in enumerate(parts)]


async def _judge_news(
    stage: Stage, scene: _Holders, tokens: _Tokens, name: str, answers: list[Packet]
) -> None:
    twins = "".join(f"{who} came as {called} and " for who, called in scene.names.items())
    after, text = f'{twins}{name} emitted "say"', scene.texts[name]
    packets = await stage.deliveries(scene.have_heard)
    tokens.check_kept(stage, after, (*packets, *answers))
    heard = [packet for packet in packets if packet.event == "news"]
    for who in scene.texts:
        times = [packet.target for packet in heard].count(who)
        if times != 1:
            stage.fail(
                f'After {after}, {who} should have heard "news" once, and not {times} times.',
                as_=WrongAnswerError if times else NothingCameError,
            )
    for packet in heard:
        news = packet.data[0] if packet.data and isinstance(packet.data[0], dict) else {}
        said_by = news.get("from")
        sender = said_by if isinstance(said_by, dict) else {}
        if news.get("text") != text:
            stage.fail(f'After {after}, the "text" of "news" should have been {text!r}.')
        for key, value, what in (
            ("user", tokens.users[name], f"what user_of returned for {name}"),
            ("name", tokens.names[name], repr(tokens.names[name])),
        ):
            if sender.get(key) != value:
                said = "and it is another" if key in sender else "and it is missing"
                stage.fail(f'After {after}, the "{key}" in "from" should be {what}, {said}.')


async def _show_the_present(answer: Callable[..., Any], stage: Stage) -> None:
    tokens = _Tokens({"alice": "u-1", "dave": "u-4"}, lambda: "8TX5", {})
    await run(answer, stage.io, tokens.user_of)
    alice = await stage.join("alice", auth=tokens.auth("alice"))
    await stage.join("dave", auth=tokens.auth("dave"))
    await alice.emit("say", "hi")


_LEAKY = """
def answer(io, user_of):
    @io.on("connect")
    async def connect(sid, environ, auth):
        user = user_of(auth)
        if user is None:
            return False
        await io.save_session(sid, auth | {"user": user})
        await io.enter_room(sid, "inside")

    @io.on("say")
    async def say(sid, text):
        me = await io.get_session(sid)
        await io.emit("news", {"text": text, "from": me}, to="inside")
"""


EXERCISE = Repair(
    number="09.5",
    starter=_LEAKY,
    hint_text="""Read the data on the last arrows word by word. Which of it should only its
owner and the server know?""",
    solution_text=_LEAKY.replace('auth | {"user": user}', '{"user": user, "name": auth["name"]}'),
    praise="A token goes from its owner to the server, and from there to nobody.",
    play=_a_present,
    scenes=(
        _Holders({"alice": "milk?", "bob": "no, thanks"}, "dave", {"name": "alice"}),
        _Holders(
            {"erin": "lunch?", "frank": "at noon", "heidi": "fine"},
            "mallory",
            {"token": "erin"},
            names={"heidi": "erin"},
        ),
    ),
    demo=_show_the_present,
)
