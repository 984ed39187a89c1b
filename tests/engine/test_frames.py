"""Frames are made once, and say the same on either transport."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatlib.engine import frames


@pytest.mark.parametrize(
    ("size", "header"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65_535, b"\x81\x7e\xff\xff"),
        (65_536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_a_frame_has_the_header_of_its_size(size, header):
    assert frames.text("x" * size) == header + b"x" * size
    assert frames.binary(b"x" * size) == b"\x82" + header[1:] + b"x" * size


@given(st.text() | st.binary())
def test_what_a_frame_carries_can_be_read_again(packet):
    frame = frames.text(packet) if isinstance(packet, str) else frames.binary(packet)
    assert frames.packet(frame) == packet


@given(
    st.lists(
        st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x1e")) | st.binary()
    )
)
def test_a_payload_says_what_the_frames_say(packets):
    made = [frames.text("4" + p) if isinstance(p, str) else frames.binary(p) for p in packets]
    assert frames.payload(made) == b"\x1e".join(
        b"4" + p.encode() if isinstance(p, str) else b"b" + base64.b64encode(p) for p in packets
    )


def test_a_payload_of_a_client_is_read():
    body = "4tea é\x1ebAQID\x1e3\x1e4\x1eb\x1e1".encode()
    assert frames.read_payload(body, 6) == ["4tea é", b"\1\2\3", "3", "4", b"", "1"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"\xff", "its text is not UTF-8"),
        (b"3\x1e3\x1e3", "it sent 3 packets in one request, and 2 are allowed"),
        (b"1\x1e4", "it goes on after its goodbye"),
        (b"", "it does not speak Engine.IO"),
        (b"4\x1e", "it does not speak Engine.IO"),
        (b"d=4", "it does not speak Engine.IO"),
        (b"2", "it does not speak Engine.IO"),
        (b"2probe", "it does not speak Engine.IO"),
        (b"3x", "it does not speak Engine.IO"),
        (b"5", "it does not speak Engine.IO"),
        (b"bA", "it does not speak Engine.IO"),
        ("bé".encode(), "it does not speak Engine.IO"),
        (b"b?", "it does not speak Engine.IO"),
    ],
)
def test_what_no_client_sends_is_refused_with_a_reason(body, why):
    with pytest.raises(ValueError, match=f"^{why}$"):
        frames.read_payload(body, 2)
