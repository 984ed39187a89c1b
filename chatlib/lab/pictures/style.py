"""The colours of the pictures, on light pages and on dark ones."""

from typing import Any

FONT = "ui-monospace, SFMono-Regular, Menlo, 'DejaVu Sans Mono', Consolas, monospace"

# On light pages, on dark ones.
PALETTE = {
    "page": ("#ffffff", "#141922"),
    "edge": ("#d5dce6", "#323c4c"),
    "ink": ("#1b2330", "#e9eef6"),
    "soft": ("#566274", "#a3afbf"),
    "line": ("#bcc6d3", "#4a566a"),
    "up": ("#1f55d0", "#86afff"),
    "down": ("#08734a", "#5bd7a2"),
    "lost": ("#bb2d20", "#ff9184"),
    "name": ("#e9effc", "#223052"),
    "server": ("#26304d", "#dbe3f8"),
    "server-ink": ("#ffffff", "#141922"),
    "pill": ("#e4f4ec", "#163528"),
    "number": ("#8a4b00", "#f0b46a"),
}

# What each class of elements looks like; a colour is one of the palette.
_DASHES = [5, 4]
STYLES: dict[str, dict[str, Any]] = {
    "chatlib": {"fill": "ink"},
    "page": {"fill": "page", "stroke": "edge"},
    "life": {"stroke": "line", "stroke_dasharray": [2, 4], "stroke_width": 1.5},
    "name": {"fill": "name", "stroke": "up"},
    "server": {"fill": "server"},
    "head": {"fill": "ink", "font_weight": "600", "font_size": 13},
    "server-head": {"fill": "server-ink", "font_weight": "600", "font_size": 13},
    "ground": {"fill": "page"},
    "bold": {"fill": "ink", "font_weight": "600"},
    "soft": {"fill": "soft"},
    "up": {"stroke": "up", "stroke_width": 1.8},
    "down": {"stroke": "down", "stroke_width": 1.8},
    "answer": {"stroke": "soft", "stroke_width": 1.8, "stroke_dasharray": _DASHES},
    "lost": {"stroke": "lost", "stroke_width": 1.8, "stroke_dasharray": _DASHES},
    "up-tip": {"fill": "up"},
    "down-tip": {"fill": "down"},
    "answer-tip": {"fill": "soft"},
    "lost-tip": {"stroke": "lost", "stroke_width": 2},
    "pill": {"fill": "pill", "stroke": "down"},
    "fault": {"fill": "page", "stroke": "lost", "stroke_width": 1.6},
    "in-fault": {"fill": "lost", "font_weight": "600"},
    "not": {"fill": "page", "stroke": "soft", "stroke_width": 1.6},
    "rule": {"stroke": "edge"},
    "ink": {"fill": "ink"},
    "engine": {"fill": "up", "font_weight": "700"},
    "packet": {"fill": "down", "font_weight": "700"},
    "number": {"fill": "number", "font_weight": "700"},
}


def attributes(style: str) -> dict[str, Any]:
    """Return an element's class, and its looks on a light page.

    They are attributes, and no style sheet: not every program that draws SVG reads one.
    """
    look = {name: _colour(value, 0) for name, value in STYLES[style].items()}
    return {"class_": [style], **look}


def dark(styles: set[str]) -> str:
    """Return the style sheet that replaces the colours of some classes on dark pages."""
    rules = "\n".join(_rule(style) for style in STYLES if style in styles)
    return f"@media (prefers-color-scheme: dark) {{\n{rules}\n}}"


def _rule(style: str) -> str:
    selector = ".chatlib" if style == "chatlib" else f".chatlib .{style}"
    looks = STYLES[style]
    colours = [f"{name}: {_colour(looks[name], 1)}" for name in ("fill", "stroke") if name in looks]
    return f"{selector} {{ {'; '.join(colours)} }}"


def _colour(value: Any, scheme: int) -> Any:
    return PALETTE[value][scheme] if isinstance(value, str) and value in PALETTE else value
