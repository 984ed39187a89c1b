"""What all pictures have in common: how they are shown, and told to those who do not see them."""

import html
from typing import Any

from chatlib.lab.words import plain

# What a data: URL and an attribute in single quotes may not hold, and nothing more, so that a
# notebook's diff can be read.
_QUOTED = str.maketrans({character: f"%{ord(character):02X}" for character in "%#<>&'"})

# A longer description is a burden to listen to.
_MOST_SENTENCES = 25


class Picture:
    """Something that shows itself in a notebook, and as text elsewhere."""

    @property
    def title(self) -> str:
        """What the picture shows; a screen reader says it first."""
        raise NotImplementedError

    def text(self) -> str:
        """Return the picture as text."""
        raise NotImplementedError

    def svg(self) -> str:
        """Return the picture as an SVG document."""
        raise NotImplementedError

    def sentences(self) -> list[str]:
        """Return what the picture shows, as a screen reader should say it."""
        raise NotImplementedError

    def spoken(self) -> str:
        """Return the title, and as many of the sentences as one can listen to."""
        sentences = self.sentences()
        left_out = len(sentences) - _MOST_SENTENCES
        told = sentences[:_MOST_SENTENCES]
        told += [f"And {left_out} more; the text form has them."] * (left_out > 0)
        return "\n".join(map(plain, [f"{self.title}.", *told]))

    def html(self) -> str:
        """Return the SVG document as an image in HTML, with words for screen readers.

        It is no wider than the page around it.
        """
        words = html.escape(self.spoken())
        source = f"data:image/svg+xml;charset=utf-8,{self.svg().translate(_QUOTED)}"
        return f'<img alt="{words}" style="max-width: 100%" src=\'{source}\'>'

    def __repr__(self) -> str:
        return self.text()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        # What becomes of this form, and what would of image/svg+xml:
        # - JupyterLab 4.6 and Notebook 7.6 show it, also in a notebook that is not trusted, as wide
        #   as there is room. Of image/svg+xml they make an <img> without alt and without a maximum
        #   width, and show the text in its place if the notebook is not trusted.
        # - nbconvert to HTML keeps it as it is. Of image/svg+xml it warns: no alternative text.
        #   Its --sanitize-html, which is off by default, allows no <img>.
        # - VS Code puts either of them into the page if the workspace is trusted, and shows the
        #   text if it is not (by its source; not tried).
        # - GitHub's page of a notebook shows an <img> of this kind, and paints parts of
        #   image/svg+xml black, as others report. Colab gives HTML to the browser as it is. Neither
        #   was tried.
        # So one form does, and a notebook does not hold each picture twice.
        return {"text/html": self.html(), "text/plain": self.text()}
