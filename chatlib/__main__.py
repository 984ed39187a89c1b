"""Run the chat server: ``python -m chatlib [--host 127.0.0.1] [--port 8000]``."""

import argparse
import asyncio
import io
import logging
import signal
import sys

from chatlib.server import ChatServer
from chatlib.web import WebServer


class OneLine(logging.Formatter):
    """Writes each record on one line, however many lines a client's text would make of it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's message with all that is not printable escaped."""
        message = "".join(
            character if character.isprintable() else repr(character)[1:-1]
            for character in record.getMessage()
        )
        return f"{message}\n{self.formatException(record.exc_info)}" if record.exc_info else message


async def serve(host: str, port: int, origins: list[str] | None) -> None:
    """Run the chat server until SIGINT or SIGTERM.

    Args:
        host: The name or the address of the interface to listen on.
        port: The port; 0 takes a free one.
        origins: The origins of the pages that may connect; ``None`` for the server's own alone.

    Raises:
        OSError: The address cannot be listened on.
    """
    server = WebServer(ChatServer(cors_allowed_origins=origins).io)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    # `loop.add_signal_handler` does not exist on Windows.
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: loop.call_soon_threadsafe(stopped.set))
    await server.start(host, port)
    print(f"chatlib is listening on {server.url}", flush=True)
    try:
        await stopped.wait()
    finally:
        await server.stop()


def main(arguments: list[str] | None = None) -> int:
    """Run the command, and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m chatlib", description="A Socket.IO chat server."
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (%(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one (%(default)s)")
    parser.add_argument(
        "--origin",
        action="append",
        metavar="URL",
        help="let pages from this origin connect, for example http://localhost:5173; repeatable",
    )
    given = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A room may have a name that the terminal cannot spell.
        sys.stdout.reconfigure(errors="backslashreplace")
    log = logging.StreamHandler(sys.stdout)
    log.setFormatter(OneLine())
    logging.getLogger("chatlib").addHandler(log)
    logging.getLogger("chatlib").setLevel(logging.INFO)
    try:
        asyncio.run(serve(given.host, given.port, given.origin))
    except (OSError, OverflowError) as error:
        print(f"chatlib cannot listen on {given.host}:{given.port}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
