"""How names and data are written where people read them."""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

# What no SVG document may hold, what begins a new line, what turns the letters after it around, and
# what nobody sees: two names must not look the same.
_UNSEEN = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\xad\\u034f\\u061c\\u115f\\u1160\\u180e\\u200b\\u200e\\u200f"
    "\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ud800-\\udfff\\ufeff\\uffa0\\ufff9-\\ufffb"
    "\\ufffe\\uffff]"
)
# Marks above and below one letter, more than any language has, run into what is drawn there.
_MARK = "[\\u0300-\\u036f\\u0483-\\u0489\\u1ab0-\\u1aff\\u1dc0-\\u1dff\\u20d0-\\u20ff]"
_PILE = re.compile(f"({_MARK}{{4}}){_MARK}+")
# What a picture says of packets that are no events, and other events are therefore not called.
_NO_EVENTS = ("connect", "connected", "refused", "disconnect")
# Longer data is cut, as a picture is there to be looked at.
_LONGEST = 200  # characters
_KEPT = 160
# A first cut, so long that it never halves an id in what is kept: ids are replaced by names.
_ENOUGH = 4000


def enumerated(names: Iterable[str]) -> str:
    """Return names as a sentence lists them: ``a``, ``a and b``, ``a, b and c``."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def counted(names: Iterable[str], others: int) -> str:
    """Return the names of some, and how many others there are: ``a, b and 3 more``."""
    names = [*names]
    if not names:
        return f"{others} of those left out" if others else "nobody"
    return enumerated([*names, *[f"{others} more"] * (others > 0)])


def as_json(values: Iterable[Any]) -> str:
    """Return an event's arguments as JSON on one line, with a comma between two."""
    written = ", ".join(map(_json, values))
    # Each of them can only stand within a text, where JSON has this way to write it.
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", written)


def short_json(values: Iterable[Any], rename: Callable[[str], str]) -> tuple[str, str]:
    """Return an event's arguments as `as_json` does, but cut if they are long.

    Args:
        values: The arguments.
        rename: What replaces ids by names in a text.

    Returns:
        The JSON, and, if it was cut, how much it was: ``("abc…", "(900 kB)")``.
    """
    whole = as_json(values)
    named = plain(rename(whole[:_ENOUGH]))
    if len(whole) <= _ENOUGH and len(named) <= _LONGEST:
        return named, ""
    return f"{named[:_KEPT]}…", f"({_size(whole)})"


def plain(text: str) -> str:
    """Return a text as it can be shown: on one line, and in the order of its letters."""
    text = _PILE.sub("\\1\N{REPLACEMENT CHARACTER}", text)
    return _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text)


def event_title(event: Any) -> str:
    """Return an event's name, in quotes if it could be taken for anything else."""
    if isinstance(event, str) and event not in _NO_EVENTS and re.fullmatch(r'[^\s"]+', event):
        return event
    return as_json([event])


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=repr)
    except (TypeError, ValueError, RecursionError):  # keys that are no text, a list within itself
        return json.dumps(repr(value), ensure_ascii=False)


def _size(text: str) -> str:
    number = len(text.encode())
    if number < 1000:
        return f"{number} bytes"
    return f"{number / 1e3:.0f} kB" if number < 999_500 else f"{number / 1e6:.1f} MB"
