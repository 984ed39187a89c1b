"""Engine.IO packets in the one form in which they wait: as frames of a WebSocket.

A frame is made once, whoever it goes to. HTTP long-polling takes it without its header.
"""

import base64
from collections.abc import Iterable

_SEPARATOR = "\x1e"
_TEXT, _BINARY, _CLOSE, _PONG = 0x81, 0x82, 0x88, 0x8A
# The reason that a WebSocket is closed for may have so many bytes.
_LONGEST_REASON = 123
# How long a header is, by its second byte; 2 for all others.
_HEADERS = {126: 4, 127: 10}


def text(packet: str) -> bytes:
    """Return a packet of text, for example ``4hello``, as a frame."""
    return _frame(_TEXT, packet.encode())


def binary(data: bytes | bytearray) -> bytes:
    """Return the packet of a binary message as a frame."""
    return _frame(_BINARY, bytes(data))


def close(code: int, reason: str) -> bytes:
    """Return the frame that closes a WebSocket, with as much of a reason as it may have."""
    text = reason.encode()[:_LONGEST_REASON].decode(errors="ignore")
    return _frame(_CLOSE, code.to_bytes(2, "big") + text.encode())


def pong(data: bytes | bytearray) -> bytes:
    """Return the frame that answers a ping."""
    return _frame(_PONG, bytes(data))


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
    """Return the packets in frames as the answer to a poll."""
    packets = map(packet, frames)
    texts = (p if isinstance(p, str) else "b" + base64.b64encode(p).decode() for p in packets)
    return _SEPARATOR.join(texts).encode()


def read_payload(body: bytes, most: int) -> list[str | bytes]:
    """Return the packets in the body of a request, each as `read_packet` does.

    Raises:
        ValueError: It is none, or has more packets than ``most``; the text says so.
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
    """Return a packet that came as text: a message, a pong, a goodbye, or binary in base64.

    Raises:
        ValueError: It is none that a client sends once its session is open.
    """
    if packet[:1] == "4" or packet in ("1", "3"):
        return packet
    try:
        if packet[:1] == "b":
            return base64.b64decode(packet[1:], validate=True)
    except ValueError:
        pass
    raise ValueError("it does not speak Engine.IO")


PING, PONG_TO_PROBE, NOOP, CLOSE = map(text, ("2", "3probe", "6", "1"))
