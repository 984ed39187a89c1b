"""Frames of a client are read as RFC 6455 has them, in whatever pieces they come."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatlib.engine.reader import (
    BINARY,
    CLOSED,
    CONTINUED,
    PINGED,
    PONGED,
    TEXT,
    BadFrameError,
    Reader,
)

LONGEST = 200_000
LAST = 0x80


def frame(kind, data=b"", mask=b"\x01\x80\xff\x00"):
    size = len(data)
    if size < 126:
        header = bytes((kind, 0x80 | size))
    elif size < 65_536:
        header = bytes((kind, 0xFE)) + size.to_bytes(2, "big")
    else:
        header = bytes((kind, 0xFF)) + size.to_bytes(8, "big")
    return header + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))


def read(data, size=None, longest=LONGEST):
    """Return all that a reader reads of data that comes in pieces of a size."""
    reader, read = Reader(longest), []
    for start in range(0, len(data), size or len(data)):
        reader.feed(data[start : start + (size or len(data))])
        while (received := reader.read()) is not None:
            read.append((received[0], bytes(received[1])))
    return read


@pytest.mark.parametrize("size", [0, 1, 3, 125, 126, 511, 512, 65_535, 65_536, LONGEST])
def test_a_message_of_any_length_is_read_without_its_mask(size):
    data = os.urandom(size)
    assert read(frame(LAST | BINARY, data), 16_384) == [(BINARY, data)]


@given(
    masks=st.lists(st.binary(min_size=4, max_size=4), min_size=1, max_size=4),
    data=st.binary(max_size=700),
    size=st.integers(1, 30),
)
def test_it_does_not_matter_in_what_pieces_frames_come(masks, data, size):
    sent = b"".join(frame(LAST | BINARY, data, mask) for mask in masks)
    assert read(sent, size) == [(BINARY, data)] * len(masks)


@given(
    before=st.binary(max_size=20) | st.sampled_from([frame(TEXT, b"a"), frame(LAST | TEXT, b"ab")]),
    sent=st.binary(max_size=140)
    | st.builds(
        frame,
        st.sampled_from([LAST | TEXT, LAST | BINARY, LAST | CONTINUED, LAST | PINGED, TEXT]),
        st.binary(max_size=140),
        st.binary(min_size=4, max_size=4),
    ),
    cut=st.integers(0, 3),
)
def test_a_message_that_comes_whole_is_read_as_any_other(before, sent, cut):
    one, other = Reader(130), Reader(130)
    for reader in (one, other):
        reader.feed(before)
        try:
            while reader.read():
                pass
        except BadFrameError:
            return
    sent = sent[: len(sent) - cut]
    if (text := one.whole(sent)) is not None:
        other.feed(sent)
        assert other.read() == (TEXT, text)
        assert other.read() is None
        assert one.whole(frame(LAST | TEXT, b"next")) == b"next"


@pytest.mark.parametrize("size", [0, 1, 125])
def test_a_short_text_that_comes_alone_is_whole(size):
    text = os.urandom(size)
    assert Reader(125).whole(frame(LAST | TEXT, text)) == text


@pytest.mark.parametrize(
    ("before", "sent", "longest"),
    [
        (b"", b"", LONGEST),
        (b"", frame(LAST | TEXT, b"ab")[:-1], LONGEST),
        (b"", frame(LAST | TEXT, b"ab") + b"\x81", LONGEST),
        (b"", frame(LAST | TEXT, bytes(126)), LONGEST),
        (b"", frame(LAST | TEXT, b"ab"), 1),
        (b"", frame(TEXT, b"ab"), LONGEST),
        (b"", frame(LAST | 0x40 | TEXT, b"ab"), LONGEST),
        (b"", frame(LAST | PINGED, b"ab"), LONGEST),
        (b"", b"\x81\x06abcdef", LONGEST),
        (b"\x81", frame(LAST | TEXT, b"ab"), LONGEST),
        (frame(LAST | TEXT, b"abcdefgh")[:6], frame(LAST | TEXT, b"ab"), LONGEST),
        (frame(TEXT, b"ab"), frame(LAST | TEXT, b"ab"), LONGEST),
    ],
    ids=[
        "nothing", "part", "more", "long", "too long", "piece", "reserved", "ping", "no mask",
        "after a byte", "after a header", "after a piece",
    ],
)  # fmt: skip
def test_anything_else_is_not_whole(before, sent, longest):
    reader = Reader(longest)
    reader.feed(before)
    while reader.read():
        pass
    assert reader.whole(sent) is None


@pytest.mark.parametrize("size", [1, 5, None])
def test_control_frames_may_come_between_the_parts_of_a_message(size):
    sent = [
        frame(TEXT, b"a"),
        frame(LAST | PINGED, b"?"),
        frame(CONTINUED, b"b"),
        frame(LAST | PONGED),
        frame(LAST | CONTINUED, b"c"),
        frame(LAST | CLOSED, b"\x03\xe8"),
    ]
    assert read(b"".join(sent), size) == [
        (CONTINUED, b""),
        (PINGED, b"?"),
        (CONTINUED, b""),
        (PONGED, b""),
        (TEXT, b"abc"),
        (CLOSED, b"\x03\xe8"),
    ]


@pytest.mark.parametrize(
    "sent",
    [
        frame(0x83),
        frame(LAST | 0x40 | TEXT),
        frame(PINGED),
        frame(LAST | PINGED, bytes(126)),
        frame(LAST | CONTINUED),
        frame(TEXT) + frame(LAST | TEXT),
        b"\x81\x01a",
    ],
    ids=["unknown", "reserved", "piece of a ping", "long ping", "no start", "no end", "no mask"],
)
def test_what_is_no_frame_of_a_client_is_refused(sent):
    with pytest.raises(BadFrameError, match="it does not speak WebSocket") as error:
        read(sent)
    assert error.value.code == 1002


@pytest.mark.parametrize(
    "sent",
    [
        frame(LAST | TEXT, bytes(11)),
        frame(LAST | TEXT, bytes(126))[:4],
        b"\x82\xff" + b"\xff" * 8,
        frame(TEXT, bytes(6)) + frame(LAST | CONTINUED, bytes(5))[:2] + bytes(4),
    ],
    ids=["frame", "header", "huge", "message"],
)
def test_a_message_that_is_too_long_is_refused_before_it_has_come(sent):
    with pytest.raises(BadFrameError, match="too long") as error:
        read(sent + bytes(4), longest=10)
    assert error.value.code == 1009
