"""The lessons as web pages, as ``jupyter nbconvert --to html`` makes them."""

import logging
import re

import nbformat
import pytest

from support.lessons import lessons

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.stem)
def test_a_page_has_every_picture_with_its_words_and_no_warning(path, caplog):
    nbconvert = pytest.importorskip("nbconvert")
    outputs = [
        output
        for cell in nbformat.read(path, as_version=4).cells
        for output in cell.get("outputs", [])
    ]
    pictures = [
        output for output in outputs if "<img" in output.get("data", {}).get("text/html", "")
    ]
    with caplog.at_level(logging.WARNING):
        page, _ = nbconvert.HTMLExporter(log=logging.getLogger("page")).from_filename(path)
    assert caplog.messages == []
    images = re.findall(r"<img\b[^>]*", page)
    assert len(images) == len(pictures)
    for image in images:
        assert re.search(r"\balt=(['\"]).*?(say|said|heard|happen|guess).*?\1", image, re.DOTALL)
        assert "max-width: 100%" in image
        assert "data:image/svg+xml" in image
