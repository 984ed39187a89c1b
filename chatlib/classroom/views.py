"""What a class shows in a notebook: tables, charts, a way in; in place, as they change."""

import asyncio
import html
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import segno
from IPython.display import display

_PAUSE = 0.1  # seconds between two updates
_LONGEST = 200  # characters of a text are shown
_LEFT = "text-align: left"  # JupyterLab has it at the right
_BAR = "width: {}%; height: 1em; background-color: #3f7bd9"  # on light pages and on dark ones


class View:
    """A table with a caption, for a notebook; a fraction in it is a bar."""

    def __init__(self, caption: str, head: Sequence[str] = (), rows: Iterable[Any] = ()) -> None:
        self._caption, self._head, self._rows = _shown(caption), head, [*rows]

    def html(self) -> str:
        """Return it as HTML."""
        if not self._rows:
            return f"<p>{html.escape(self._caption)}</p>"
        head = "".join(f'<th scope="col" style="{_LEFT}">{name}</th>' for name in self._head)
        rows = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in self._rows)
        caption = f'<caption style="{_LEFT}">{html.escape(self._caption)}</caption>'
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"

    def __repr__(self) -> str:
        """Return it as text, a line for each row."""
        rows = [", ".join(filter(None, map(_text, row))) for row in self._rows]
        return "\n".join([self._caption, *rows])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": repr(self)}


def _cell(value: Any) -> str:
    if type(value) is float:
        return f'<td style="min-width: 12em"><div style="{_BAR.format(100 * value)}"></div></td>'
    # What somebody typed in another direction does not turn the page around it.
    return f'<td style="{_LEFT}"><bdi>{html.escape(_shown(value))}</bdi></td>'


def _text(value: Any) -> str:
    return "█" * round(20 * value) if type(value) is float else _shown(value)


def _shown(value: Any) -> str:
    """Return something as one line of text that can be shown: half a surrogate pair cannot."""
    text = " ".join(str(value).encode("utf-8", "replace").decode().split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


class Views(View):
    """Several views, one below the other.

    Args:
        views: The views.
    """

    def __init__(self, *views: View) -> None:
        super().__init__("")
        self._views = views

    def html(self) -> str:
        """Return them as HTML."""
        return "".join(view.html() for view in self._views)

    def __repr__(self) -> str:
        """Return them as text."""
        return "\n".join(map(repr, self._views))


class QRCode(View):
    """A QR code.

    Args:
        link: Where it leads.
    """

    def __init__(self, link: str) -> None:
        super().__init__(f"QR code of {link}")
        self._link = link

    def html(self) -> str:
        """Return it as an image in HTML, with a white border on dark pages, too."""
        code = segno.make(self._link, error="m").svg_data_uri(scale=7, light="white")
        words = html.escape(self._caption)
        return f'<img alt="{words}" style="max-width: 100%" src="{code}">'


class Live:
    """A view that changes in place, and at last is as it was at first: what nbval compares."""

    def __init__(self, still: str, draw: Callable[[], View]) -> None:
        self._still, self._draw = View(still), draw
        self._handle = display(self._still, display_id=True)  # type: ignore[no-untyped-call]
        self._timer: asyncio.TimerHandle | None = None
        self._update(draw())

    def changed(self) -> None:
        """Update it soon."""
        if not self._timer:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_PAUSE, lambda: self._update(self._draw()))

    def end(self) -> None:
        """Let it be as it was."""
        self._update(self._still)

    def _update(self, view: View) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = None
        if self._handle:  # not where no notebook is
            self._handle.update(view)
