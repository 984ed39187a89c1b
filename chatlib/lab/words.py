"""How names and data are written where people read them."""

import json
import re
from collections.abc import Iterable
from typing import Any

# What no SVG document may hold, what begins a new line, and what turns the letters after it around.
_UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)
# Longer data is cut, as a picture is there to be looked at.
_LONGEST = 200  # characters
_SHORT = 160
# Ids are replaced by names before the cut that a reader sees, so that it never halves one.
_EARLY_CUT = 4000


def enumerated(names: Iterable[str]) -> str:
    """Return names as a sentence lists them: ``a``, ``a and b``, ``a, b and c``."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def as_json(values: Iterable[Any]) -> str:
    """Return an event's arguments as JSON on one line, with a comma between two."""
    written = (json.dumps(value, ensure_ascii=False, default=repr) for value in values)
    # All of these can only stand in a text, where JSON may write them so, too.
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", ", ".join(written))


def plain(text: str) -> str:
    """Return a name as it can be shown: on one line, and in the order of its letters."""
    return _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text)


def size(text: str) -> str:
    """Return how much data a text is, as people say it: ``900 kB``."""
    number = len(text.encode(errors="replace"))
    for unit in ("bytes", "kB", "MB"):
        if number < 1000 or unit == "MB":
            break
        number = round(number / 1000)
    return f"{number} {unit}"
