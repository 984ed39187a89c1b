"""The page of the chat: HTML, CSS and JavaScript as browsers get them, without a build step."""

from importlib import resources

from aiohttp import web

from chatlib.client_script import ClientScript
from chatlib.static import StaticFile

_KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def add_page(app: web.Application, script: ClientScript, *, keeps_history: bool) -> None:
    """Serve the page of a chat at ``/``.

    Args:
        app: Serves it.
        script: Where the page gets the Socket.IO client from.
        keeps_history: Whether the server can tell a page what it has missed.
    """
    values = {"history": "true" if keeps_history else "false"}
    add_file(app, "/", "index.html", script, **values)
    for name in ("page.css", "page.js", "classroom.js", "icon.svg"):
        add_file(app, f"/{name}", name, script)


def add_console(app: web.Application, script: ClientScript) -> None:
    """Serve a page at ``/`` that joins any server: to emit by hand, and see what is heard.

    Args:
        app: Serves it.
        script: Where the page gets the Socket.IO client from.
    """
    add_file(app, "/", "console.html", script)
    for name in ("page.css", "console.css", "console.js", "icon.svg"):
        add_file(app, f"/{name}", name, script)


def add_file(
    app: web.Application, path: str, name: str, script: ClientScript, **values: str
) -> None:
    """Serve a file of this folder, which may use nothing but what this server serves.

    Args:
        app: Serves it.
        path: Where.
        name: The file's name.
        script: Where its page gets the Socket.IO client from.
        values: What to put into it, each in the place of its name in two braces; of ``integrity``,
            the place is filled anyway.
    """
    made: list[StaticFile] = []

    async def answer(request: web.Request) -> web.Response:
        if not made:  # the first time
            made.append(_file(name, script, values))
        return await made[0].answer(request)

    app.router.add_get(path, answer)


def _file(name: str, script: ClientScript, values: dict[str, str]) -> StaticFile:
    text = resources.files(__package__).joinpath(name).read_text("utf-8")
    kind = name.rpartition(".")[2]
    if kind == "html":
        for place, value in {**values, "integrity": script.integrity}.items():
            text = text.replace(f"{{{{{place}}}}}", value)
    headers = {"Content-Security-Policy": _policy(script), "Referrer-Policy": "no-referrer"}
    return StaticFile(text.encode(), f"{_KINDS[kind]}; charset=utf-8", headers)


def _policy(script: ClientScript) -> str:
    """Return what a page may do: nothing in it but what this server serves, and no other server."""
    scripts = " ".join(filter(None, ["'self'", script.origin]))
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {scripts}",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'self'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )
