"""The names of dependencies that nobody has promised us: all of them.

One of them is private, `_engineio_server_class`, by which a Socket.IO server makes the Engine.IO
server below; the others are not documented. Every other name that `chatlib` uses is documented, if
only by a docstring, or is an option of a constructor that is kept under its own name. Without
``max_size`` in asyncio's transports, a client's bytes are read in larger pieces; nothing breaks.
"""

from collections.abc import Iterator
from importlib.metadata import version

_DISTRIBUTIONS = {
    "engineio": "python-engineio",
    "socketio": "python-socketio",
}

# By package and class.
PRIVATE_NAMES = {
    ("socketio", "AsyncServer"): (
        "_engineio_server_class eio environ handlers manager namespace_handlers packet_class"
    ),
    ("socketio", "AsyncManager"): "eio_sid_from_sid is_connected server sid_from_eio_sid",
    ("socketio", "AsyncRedisManager"): "redis redis_url",
    ("socketio", "AsyncClient"): "connected eio handlers namespace_handlers",
    ("engineio", "AsyncServer"): "handlers sockets",
    ("engineio", "AsyncClient"): "handlers ws",
}


def check(*owners: object) -> None:
    """Raise RuntimeError if an object or a class of a dependency has lost a name used here."""
    for owner in owners:
        for package, base, name in _names_of(owner):
            if name not in vars(owner) and not hasattr(base, name):
                has = f"{_DISTRIBUTIONS[package]} {version(_DISTRIBUTIONS[package])}"
                lacks = f"its {base.__name__} has no `{name}`"
                raise RuntimeError(f"chatlib does not work with {has}: {lacks}.")


def _names_of(owner: object) -> Iterator[tuple[str, type, str]]:
    for base in (owner if isinstance(owner, type) else type(owner)).__mro__:
        package = base.__module__.partition(".")[0]
        for name in PRIVATE_NAMES.get((package, base.__name__), "").split():
            yield package, base, name
