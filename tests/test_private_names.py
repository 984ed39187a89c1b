import ast
import inspect
from pathlib import Path

import engineio
import pytest
import socketio

import chatlib
from chatlib.private_names import PRIVATE_NAMES, check


def objects():
    io, client = socketio.AsyncServer(async_mode="aiohttp"), socketio.AsyncClient()
    redis = socketio.AsyncRedisManager("redis://")
    return [io, io.eio, io.manager, client, client.eio, redis, socketio.packet.Packet()]


def owner_of(kind):
    return next(
        one
        for one in objects()
        if (type(one).__module__.partition(".")[0], type(one).__name__) == kind
    )


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind, names in PRIVATE_NAMES.items() for name in names.split()],
)
def test_a_name_that_has_gone_is_told_in_one_sentence(kind, name, monkeypatch):
    owner = owner_of(kind)
    check(owner)
    if name in vars(owner):
        monkeypatch.delattr(owner, name)
    else:
        for base in (owner if isinstance(owner, type) else type(owner)).__mro__:
            if name in vars(base):
                monkeypatch.delattr(base, name)
    with pytest.raises(RuntimeError) as raised:
        check(owner)
    assert str(raised.value).startswith("chatlib does not work with ")
    assert str(raised.value).endswith(f": its {kind[1]} has no `{name}`.")


# -- the list is whole -----------------------------------------------------------------------------

# What the code calls the objects of dependencies, and what it calls their classes.
IO, EIO, MANAGER, CLIENT, CLIENT_EIO, REDIS, PACKET = range(7)
CALLED = {
    "io": [IO],
    "eio": [EIO, CLIENT_EIO],
    "manager": [MANAGER, REDIS],
    "client": [CLIENT],
    "read": [PACKET],
}
CLASSES = {
    "socketio.AsyncServer": IO,
    "Server": IO,
    "engineio.AsyncServer": EIO,
    "Engine": EIO,
    "socketio.AsyncManager": MANAGER,
    "Fanout": MANAGER,
    "base": MANAGER,
    "socketio.AsyncClient": CLIENT,
    "engineio.AsyncClient": CLIENT_EIO,
    "packet.Packet": PACKET,
}


def is_documented(owner, name):
    """Tell whether a name is that of a method with a docstring, or of an option."""
    if callable(getattr(type(owner), name, None)) and not name.startswith("_"):
        return name == "reason" or any(
            getattr(vars(base).get(name), "__doc__", None) for base in type(owner).__mro__
        )
    makers = [vars(base)["__init__"] for base in type(owner).__mro__ if "__init__" in vars(base)]
    if isinstance(owner, socketio.AsyncServer):
        makers.append(engineio.AsyncServer.__init__)
    if isinstance(owner, socketio.AsyncClient):
        makers.append(engineio.AsyncClient.__init__)
    return any(name in inspect.signature(maker).parameters for maker in makers)


def undocumented():
    """Return the names that a dependency does not document, each with whose it is."""
    return {
        (number, name)
        for number, owner in enumerate(objects())
        for name in dir(owner)
        if not name.startswith("__") and not is_documented(owner, name)
    }


def used():
    """Return each attribute in our code that may be a dependency's, whose, and where it stands."""
    for path in Path(chatlib.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text())
        yield from ((*found, path.name) for found in attributes(tree, CALLED))
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                bases = [CLASSES[name] for name in map(ast.unparse, node.bases) if name in CLASSES]
                own = dict.fromkeys(("self", "super()"), bases)
                yield from ((*found, path.name) for found in attributes(node, own))


def attributes(tree, called):
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value).rpartition(".")[2].lstrip("_")
            for number in called.get(owner, ()):
                yield number, node.attr, node.lineno


def test_no_other_name_is_used_that_nobody_has_promised():
    known = {name for names in PRIVATE_NAMES.values() for name in names.split()}
    found = undocumented()
    assert not [
        (name, f"{file}:{line}")
        for number, name, line, file in used()
        if name not in known and (number, name) in found
    ]
