"""The README's photograph can be taken anew."""

import asyncio
import struct

import pytest

import photograph
from chatlib.client_script import VARIABLE
from support.lessons import README_PHOTOGRAPH
from support.waiting import WHOLE_RUN


def size(png):
    """Return the width and the height of a PNG."""
    assert png.startswith(b"\x89PNG")
    return struct.unpack("!II", png[16:24])


@pytest.mark.slow
async def test_it_is_the_committed_one_in_size(monkeypatch, client_script):
    pytest.importorskip("jupyterlab")
    monkeypatch.setenv(VARIABLE, str(client_script))
    taken = await asyncio.wait_for(photograph.main(), WHOLE_RUN)
    assert size(taken) == size(README_PHOTOGRAPH.read_bytes())
