"""Log lines of which a client can cause as many as it likes."""

import logging
import time


class OnceASecond:
    """Logs one warning a second at most; the next one tells how many were left out.

    Args:
        logger: Where to log.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._next = 0.0
        self._left_out = 0

    def warning(self, message: str, *args: object) -> None:
        """Log a warning, as `logging.Logger.warning` does, or leave it out."""
        now = time.monotonic()
        if now < self._next:
            self._left_out += 1
            return
        if self._left_out:
            text = message % args if args else message
            message, args = "%s (%d more lines were left out)", (text, self._left_out)
        self._next, self._left_out = now + 1, 0
        self._logger.warning(message, *args)
