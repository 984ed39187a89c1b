"""Run the chat server: ``python -m chatlib [--host 127.0.0.1] [--port 8000] ...``."""

import argparse
import asyncio
import io
import ipaddress
import logging
import re
import signal
import sqlite3
import sys

from chatlib.history import History
from chatlib.identity import Passcode, Trusting
from chatlib.server import ChatServer
from chatlib.web import WebServer


class CannotListenError(Exception):
    """The server cannot listen on an address; the message says on which, and why."""


class OneLine(logging.Formatter):
    """Writes each record on one line, however many lines a client's text would make of it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's message with every unprintable character escaped."""
        message = "".join(
            character if character.isprintable() else repr(character)[1:-1]
            for character in record.getMessage()
        )
        return f"{message}\n{self.formatException(record.exc_info)}" if record.exc_info else message


def is_loopback(host: str) -> bool:
    """Tell whether only programs on this machine can reach a host name or address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m chatlib", description="A Socket.IO chat server."
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="where to listen (%(default)s)")
    add("--port", type=int, default=8000, help="0 takes a free one (%(default)s)")
    add("--history", metavar="FILE", help="keep messages in this file, and replay them")
    add("--passcode", metavar="TEXT", help="let in only people who know this")
    add("--secret", metavar="TEXT", help="sign users' tokens with this: they outlive a restart")
    add("--open", action="store_true", help="let anyone on the network in, as whoever they say")
    add(
        "--origin",
        action="append",
        metavar="URL",
        help="let pages from this origin connect, for example http://localhost:5173, or * for all; "
        "repeatable",
    )
    return parser


def chat_server(given: argparse.Namespace) -> ChatServer:
    """Return the server that the command line asks for.

    Raises:
        ValueError: The command line asks for something that is not safe, or makes no sense.
    """
    if not given.host:
        raise ValueError("--host needs a name or an address.")
    if given.open and given.passcode is not None:
        raise ValueError(
            "--open lets anyone in, --passcode only people who know it; give one of them."
        )
    for origin in given.origin or ():
        if origin != "*" and not re.fullmatch(r"https?://[^/\s]+", origin):
            raise ValueError(
                f"--origin {origin} is not like http://localhost:5173, without a path."
            )
    if not is_loopback(given.host) and given.passcode is None and not given.open:
        raise ValueError(
            f"Anyone who can reach {given.host} could come in: give a --passcode, or say --open."
        )
    if given.passcode is None and given.secret is not None:
        raise ValueError("--secret signs the tokens of users let in by --passcode; give both.")
    if given.history == "":  # SQLite would take it for a file that ends with the process
        raise ValueError("--history needs the name of a file.")
    return ChatServer(
        history=History(given.history) if given.history else None,
        identity=Trusting() if given.passcode is None else Passcode(given.passcode, given.secret),
        cors_allowed_origins=given.origin,
    )


async def serve(chat: ChatServer, host: str, port: int) -> None:
    """Run a chat server until SIGINT or SIGTERM.

    Args:
        chat: The server.
        host: The name or the address of the interface to listen on.
        port: The port; 0 takes a free one.

    Raises:
        CannotListenError: The address cannot be listened on.
        sqlite3.Error: The history cannot be opened.
    """
    server = WebServer(chat.io)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    # `loop.add_signal_handler` does not exist on Windows.
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: loop.call_soon_threadsafe(stopped.set))
    if chat.history:
        await chat.history.open()
    try:
        try:
            await server.start(host, port)
        except (OSError, OverflowError, UnicodeError) as error:
            raise CannotListenError(f"{host}:{port}: {error}") from error
        print(f"chatlib is listening on {server.url}", flush=True)
        await stopped.wait()
        await server.stop()
    finally:
        await chat.close()


def main(arguments: list[str] | None = None) -> int:
    """Run the command, and return its exit status."""
    given = parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # The name of a room may have characters that the terminal cannot show.
        sys.stdout.reconfigure(errors="backslashreplace")
    log = logging.StreamHandler(sys.stdout)
    log.setFormatter(OneLine())
    logging.getLogger("chatlib").addHandler(log)
    logging.getLogger("chatlib").setLevel(logging.INFO)
    try:
        chat = chat_server(given)
    except ValueError as error:
        return complain(str(error))
    try:
        asyncio.run(serve(chat, given.host, given.port))
    except sqlite3.Error as error:
        return complain(f"chatlib cannot keep a history in {given.history}: {error}")
    except CannotListenError as error:
        return complain(f"chatlib cannot listen on {error}")
    return 0


def complain(sentence: str) -> int:
    """Say on standard error why the server does not run, and return the exit status for that."""
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
