"""Run the chat server: ``python -m chatlib [--host 127.0.0.1] [--port 8000] ...``."""

import argparse
import asyncio
import io
import logging
import os
import re
import signal
import sqlite3
import sys
from pathlib import Path

from chatlib.client_fetch import CannotFetchError, fetch
from chatlib.client_script import VARIABLE
from chatlib.history import History
from chatlib.identity import Passcode, Trusting
from chatlib.links import browser_url, hub_url
from chatlib.server import ChatServer
from chatlib.web import WebServer, is_loopback

logger = logging.getLogger("chatlib")


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


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m chatlib", description="A Socket.IO chat server."
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="where to listen (%(default)s)")
    add("--port", type=int, default=8000, help="0 takes a free one (%(default)s)")
    add("--history", metavar="FILE", help="keep messages in this file, and replay them")
    add("--keep-days", type=float, metavar="N", help="remove messages that are older from it")
    add("--keep-bytes", type=int, metavar="N", help="remove the oldest where it grows larger")
    add("--passcode", metavar="TEXT", help="let in only people who know this ($CHATLIB_PASSCODE)")
    add("--passcode-file", metavar="FILE", help="the same, read from a file")
    add(
        "--secret",
        metavar="TEXT",
        help="sign tokens with it, to outlive a restart ($CHATLIB_SECRET)",
    )
    add("--secret-file", metavar="FILE", help="the same, read from a file")
    add("--open", action="store_true", help="let anyone on the network in, as whoever they say")
    origin = "let pages from this origin connect as well, or * for all; repeatable"
    add("--origin", action="append", metavar="URL", help=origin)
    proxy = "believe a proxy at this address or in this network about its clients; repeatable"
    add("--trusted-proxy", action="append", metavar="ADDRESS", default=[], help=proxy)
    script = f"where the browser's Socket.IO client is on this machine (${VARIABLE})"
    add("--client-script", metavar="FOLDER", help=script)
    fetch = "fetch that client with npm, so that browsers need no internet, and end"
    add("--fetch-client", action="store_true", help=fetch)
    return parser


def hidden(given: argparse.Namespace, name: str) -> str | None:
    """Return the passcode or the secret: an argument, the text of a file, or the environment's.

    Raises:
        ValueError: It is given twice, or cannot be read.
    """
    text, file = getattr(given, name), getattr(given, f"{name}_file")
    if file is None:
        return os.environ.get(f"CHATLIB_{name.upper()}") if text is None else text
    if text is not None:
        raise ValueError(f"--{name} and --{name}-file are the same thing; give one of them.")
    try:
        text = Path(file).read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise ValueError(f"--{name}-file {file} cannot be read: {error}") from error
    if os.name == "posix" and Path(file).stat().st_mode & 0o077:
        logger.warning("Others can read %s; `chmod 600` keeps it to you", file)
    return text


def history(given: argparse.Namespace) -> History | None:
    """Return the history that the command line asks for, if any; raise ValueError if it cannot."""
    if given.history == "":  # SQLite would take it for a file that ends with the process
        raise ValueError("--history needs the name of a file.")
    for name, value in (("--keep-days", given.keep_days), ("--keep-bytes", given.keep_bytes)):
        if value is not None and not (value > 0 and given.history):
            raise ValueError(f"{name} needs a --history, and a number above 0.")
    if given.history is None:
        return None
    return History(given.history, keep_days=given.keep_days, keep_bytes=given.keep_bytes)


def chat_server(given: argparse.Namespace) -> ChatServer:
    """Return the server that the command line asks for.

    Raises:
        ValueError: The command line asks for something that is not safe, or makes no sense.
    """
    passcode, secret = hidden(given, "passcode"), hidden(given, "secret")
    if not given.host:
        raise ValueError("--host needs a name or an address.")
    if given.open and passcode is not None:
        raise ValueError(
            "--open lets anyone in, --passcode only people who know it; give one of them."
        )
    for origin in given.origin or ():
        if origin != "*" and not re.fullmatch(r"https?://[^/\s]+", origin):
            raise ValueError(
                f"--origin {origin} is not like http://localhost:5173, without a path."
            )
    if not is_loopback(given.host) and passcode is None and not given.open:
        raise ValueError(
            f"Anyone who can reach {given.host} could come in: give a --passcode, or say --open."
        )
    if passcode is None and secret is not None:
        raise ValueError("--secret signs the tokens of users let in by --passcode; give both.")
    return ChatServer(
        history=history(given),
        identity=Trusting() if passcode is None else Passcode(passcode, secret),
        cors_allowed_origins=["self", *given.origin] if given.origin else None,
    )


async def serve(chat: ChatServer, server: WebServer, host: str, port: int) -> None:
    """Run a chat server until SIGINT or SIGTERM.

    Args:
        chat: The chat.
        server: What listens for it.
        host: The name or the address of the interface to listen on.
        port: The port; 0 takes a free one.

    Raises:
        CannotListenError: The address cannot be listened on.
        sqlite3.Error: The history cannot be opened.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    # `loop.add_signal_handler` does not exist on Windows.
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: loop.call_soon_threadsafe(stopped.set))
    await chat.delivery.open()
    try:
        try:
            await server.start(host, port)
        except (OSError, OverflowError, UnicodeError) as error:
            raise CannotListenError(f"{host}:{port}: {error}") from error
        print(f"chatlib is listening on {server.url}", flush=True)
        if hub_url():
            print(f"Browsers find it at {browser_url(server.url)}", flush=True)
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
    if given.fetch_client:
        return fetch_client()
    log = logging.StreamHandler(sys.stdout)
    log.setFormatter(OneLine())
    logger.addHandler(log)
    logger.setLevel(logging.INFO)
    try:
        chat = chat_server(given)
        server = WebServer(chat.io, given.client_script, given.trusted_proxy)
    except ValueError as error:
        return complain(str(error))
    try:
        asyncio.run(serve(chat, server, given.host, given.port))
    except sqlite3.Error as error:
        return complain(f"chatlib cannot keep a history in {given.history}: {error}")
    except CannotListenError as error:
        return complain(f"chatlib cannot listen on {error}")
    return 0


def fetch_client() -> int:
    """Fetch the browser's client, say where it is now, and return the exit status."""
    try:
        print(f"The browser's client is in {fetch()}")
    except CannotFetchError as error:
        return complain(str(error))
    return 0


def complain(sentence: str) -> int:
    """Say on standard error why it does not go on, and return the exit status for that."""
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
