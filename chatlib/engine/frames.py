"""Engine.IO packets in the one form in which they wait: as frames of a WebSocket.

A frame is made once, whoever it goes to. HTTP long-polling takes it without its header.
"""

import base64
import binascii
from collections.abc import Iterable

_SEPARATOR = "\x1e"
_TEXT, _BINARY = 0x81, 0x82
# How long a header is, by its second byte.
_HEADERS = {126: 4, 127: 10}
# What a client may say that is no message: goodbye, and the answer to a ping.
_SIGNALS = ("1", "3")


def text(packet: str) -> bytes:
    """Return a packet of text, for example ``4hello``, as a frame."""
    return _frame(_TEXT, packet.encode())


def binary(data: bytes | bytearray) -> bytes:
    """Return the packet of a binary message as a frame."""
    return _frame(_BINARY, bytes(data))


def _frame(kind: int, data: bytes) -> bytes:
    size = len(data)
    if size < 126:
        return bytes((kind, size)) + data
    if size < 65_536:
        return bytes((kind, 126)) + size.to_bytes(2, "big") + data
    return bytes((kind, 127)) + size.to_bytes(8, "big") + data


def packet(frame: bytes) -> str | bytes:
    """Return the packet in a frame: text, or the bytes of a binary message."""
    data = frame[_HEADERS.get(frame[1], 2) :]
    return data if frame[0] == _BINARY else data.decode()


def payload(frames: Iterable[bytes]) -> bytes:
    """Return the packets in frames as the body of an answer to a poll."""
    return _SEPARATOR.encode().join(map(_without_header, frames))


def _without_header(frame: bytes) -> bytes:
    data = frame[_HEADERS.get(frame[1], 2) :]
    return b"b" + base64.b64encode(data) if frame[0] == _BINARY else data


def read_payload(body: bytes, most: int) -> list[str | bytes]:
    """Return the packets in the body of a request, each as `read_packet` does.

    Args:
        body: What the client sent.
        most: How many packets it may hold.

    Raises:
        ValueError: It is no payload of a client, or holds too many packets; the text says why.
    """
    try:
        packets = body.decode().split(_SEPARATOR)
    except UnicodeDecodeError:
        raise ValueError("its text is not UTF-8") from None
    if len(packets) > most:
        raise ValueError(f"it sent {len(packets)} packets in one request, and {most} are allowed")
    if "1" in packets[:-1]:
        raise ValueError("it goes on after its goodbye")
    return [read_packet(each) for each in packets]


def read_packet(packet: str) -> str | bytes:
    """Return a packet that came as text; one in base64 as the bytes of its binary message.

    Raises:
        ValueError: It is none that a client sends once its session is open.
    """
    if packet[:1] == "4" or packet in _SIGNALS:
        return packet
    if packet[:1] == "b":
        try:
            return base64.b64decode(packet[1:], validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("its base64 makes no sense") from None
    raise ValueError("it does not speak Engine.IO")


PING, PONG_TO_PROBE, NOOP, CLOSE = map(text, ("2", "3probe", "6", "1"))
