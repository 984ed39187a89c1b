"""How names and data are written where people read them."""

import json
from collections.abc import Iterable
from typing import Any


def enumerated(names: Iterable[str]) -> str:
    """Return names as a sentence lists them: ``a``, ``a and b``, ``a, b and c``."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def as_json(values: Iterable[Any]) -> str:
    """Return an event's arguments as JSON, with a comma between two."""
    return ", ".join(json.dumps(value, ensure_ascii=False, default=repr) for value in values)
