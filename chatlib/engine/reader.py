"""What a client sends on a WebSocket: whole messages, pieces of them, and control frames."""

import functools

from aiohttp import WSCloseCode

CONTINUED, TEXT, BINARY, CLOSED, PINGED, PONGED = KINDS = (0, 1, 2, 8, 9, 10)
# In the first byte of a frame: whether it is the last of its message, and what must be 0.
_LAST, _RESERVED = 0x80, 0x70
# In the second one: whether there is a mask, as all have that clients send.
_MASKED = 0x80
_LONGEST_CONTROL = 125
# The first byte of a text that is not in pieces.
_WHOLE_TEXT = _LAST | TEXT
_NO_MASK = bytes(4)
_NO_FRAME = "it does not speak WebSocket"
# From so many bytes on, another way to take a mask off is faster.
_MANY = 512


class BadFrameError(ValueError):
    """What a client sent is no frame of a WebSocket, or not allowed.

    Args:
        code: What its WebSocket is closed with.
        why: What it did.
    """

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


class Reader:
    """Reads the frames of one client.

    Args:
        longest: How many bytes a message may have.
    """

    __slots__ = (
        "_coming",
        "_is_last",
        "_kind",
        "_left",
        "_longest",
        "_mask",
        "_message",
        "_pieces",
    )

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._coming = bytearray()  # what has not been read
        self._message = 0  # the kind of the message that is coming
        self._pieces = bytearray()  # of it
        self._is_last = True  # whether the frame that is coming is its last one
        self._kind = -1  # of that frame, once its header has been read
        self._left = 0  # how much of its data has not
        self._mask = _NO_MASK

    def feed(self, data: bytes) -> None:
        """Take what came next, of any size."""
        self._coming += data

    def whole(self, data: bytes) -> bytes | None:
        """Return the text that came, if that is all: one short message, and nothing before it.

        Most messages come so, and to `feed` and `read` them takes several times as long. What this
        returns nothing for is to be fed.
        """
        size = len(data) - 6
        if not 0 <= size <= min(_LONGEST_CONTROL, self._longest) or data[0] != _WHOLE_TEXT:
            return None
        if data[1] != _MASKED | size or self._coming or self._kind >= 0 or self._message:
            return None
        return unmasked_short(data[6:], data[2:6])

    def read(self) -> tuple[int, bytes | bytearray] | None:
        """Return what is next, and its kind, if it has come; a piece of a message has no data.

        Raises:
            BadFrameError: It is not allowed.
        """
        if self._kind < 0 and not (self._coming and self._read_header()):
            return None
        missing = self._left - len(self._coming)
        if missing > 0 and self._kind >= CLOSED:
            return None
        data = unmasked(self._coming[: self._left], self._mask)
        del self._coming[: self._left]
        if missing > 0:  # the mask comes off at once, or that of a megabyte would take long
            self._pieces += data
            turned = len(data) % 4
            self._left, self._mask = missing, self._mask[turned:] + self._mask[:turned]
            return None
        kind, self._kind = self._kind, -1
        return (kind, data) if kind >= CLOSED else self._put_together(data)

    def _put_together(self, data: bytes | bytearray) -> tuple[int, bytes | bytearray]:
        if self._pieces or not self._is_last:
            self._pieces += data
            if not self._is_last:
                return CONTINUED, b""
            data, self._pieces = self._pieces, bytearray()
        kind, self._message = self._message, CONTINUED
        return kind, data

    def _read_header(self) -> bool:
        coming = self._coming
        if len(coming) < 2:
            return False
        first, second = coming[0], coming[1]
        kind, size, is_last = first & 0x0F, second & 0x7F, first >= _LAST
        is_control = kind >= CLOSED
        if kind not in KINDS or first & _RESERVED or second < _MASKED:
            raise BadFrameError(WSCloseCode.PROTOCOL_ERROR, _NO_FRAME)
        if is_control:
            is_allowed = is_last and size <= _LONGEST_CONTROL
        else:  # only what goes on with a message has no kind of its own
            is_allowed = (kind == CONTINUED) == (self._message != CONTINUED)
        if not is_allowed:
            raise BadFrameError(WSCloseCode.PROTOCOL_ERROR, _NO_FRAME)
        header = 6
        if size > _LONGEST_CONTROL:
            header = 8 if size == 126 else 14
            if len(coming) >= header:
                size = int.from_bytes(coming[2 : header - 4], "big")
        if len(coming) < header:
            return False
        if not is_control:
            if len(self._pieces) + size > self._longest:
                raise BadFrameError(WSCloseCode.MESSAGE_TOO_BIG, "it sent a frame that is too long")
            self._message, self._is_last = self._message or kind, is_last
        self._kind, self._left, self._mask = kind, size, bytes(coming[header - 4 : header])
        del coming[:header]
        return True


def unmasked_short(data: bytes | bytearray, mask: bytes) -> bytes:
    """Return some hundred bytes without their mask, which is put on and taken off the same way."""
    size = len(data)
    whole = (mask * (size // 4 + 1))[:size]
    number = int.from_bytes(data, "big") ^ int.from_bytes(whole, "big")
    return number.to_bytes(size, "big")


def unmasked(data: bytearray, mask: bytes) -> bytes | bytearray:
    """Return data without its mask."""
    if mask == _NO_MASK:
        return data
    if len(data) < _MANY:
        return unmasked_short(data, mask)
    for place, byte in enumerate(mask):
        data[place::4] = data[place::4].translate(_exclusive_or(byte))
    return data


@functools.cache
def _exclusive_or(byte: int) -> bytes:
    return bytes(byte ^ other for other in range(256))
