"""Where a browser finds a server: under the address of a JupyterHub, if that runs this program."""

import os
from urllib.parse import urlsplit


def browser_url(url: str) -> str:
    """Return where a browser finds what listens on this machine.

    On a JupyterHub, and so on Binder, `jupyter-server-proxy` leads there, for whoever may use the
    Jupyter server beside it.

    Args:
        url: Where it listens, for example ``http://127.0.0.1:8000``.

    Returns:
        An address that ends with a slash: the same one, or the hub's, for example
        ``https://hub.example/user/ada/proxy/8000/``; without its host, as in
        ``/user/ada/proxy/8000/``, where the hub does not tell it.
    """
    parts = urlsplit(url)
    if base := hub_url():
        return f"{base.rstrip('/')}/proxy/{parts.port or 80}/"
    return f"{url.rstrip('/')}/"


def hub_url() -> str:
    """Return where a JupyterHub, if that runs this program, has the Jupyter server beside it.

    Without its host, where the hub does not tell it; empty, if there is no hub.
    """
    prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "")
    return (prefix and os.environ.get("JUPYTERHUB_PUBLIC_URL")) or prefix
