"""Which events somebody has a handler for."""

import socketio


def handled_events(
    by: socketio.AsyncServer | socketio.AsyncClient, namespace: str = "/"
) -> list[str]:
    """Return the events of a namespace that a server or a client has a handler for.

    Args:
        by: The server or the client. ``"*"`` is among the events if it has a handler for any.
        namespace: The namespace.
    """
    handled = [event for space in (namespace, "*") for event in by.handlers.get(space, {})]
    classes = [by.namespace_handlers.get(space) for space in (namespace, "*")]
    handled += [name[3:] for one in classes if one for name in dir(one) if name.startswith("on_")]
    return list(dict.fromkeys(handled))


def handles(
    by: socketio.AsyncServer | socketio.AsyncClient, event: str, namespace: str = "/"
) -> bool:
    """Tell whether a server or a client has a handler for an event of a namespace."""
    return not {event, "*"}.isdisjoint(handled_events(by, namespace))
