"""A Jupyter server with jupyter-server-proxy, as a hub runs one for each of its people."""

import secrets
import sys

import pytest

from support.processes import Process, free_port, listens
from support.waiting import WHOLE_RUN, eventually

PREFIX = "/user/ada/"


class JupyterServer(Process):
    """Ada's Jupyter server, under the path that a hub gives it.

    Args:
        folder: Where it may write.

    Attributes:
        url: Where it listens, without that path.
        token: What it asks for.
    """

    def __init__(self, folder):
        pytest.importorskip("jupyter_server_proxy")
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.token = secrets.token_hex()
        options = {
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": self._port,
            "ServerApp.port_retries": 0,
            "ServerApp.open_browser": False,
            "ServerApp.base_url": PREFIX,
            "ServerApp.root_dir": folder,
            "ServerApp.allow_remote_access": True,  # as a hub sets it
            "ServerApp.allow_root": True,
            "IdentityProvider.token": self.token,
        }
        places = {
            f"JUPYTER_{name}_DIR": str(folder / name.lower())
            for name in ("CONFIG", "DATA", "RUNTIME")
        }
        super().__init__(
            [
                sys.executable,
                "-m",
                "jupyter_server",
                *(f"--{name}={value}" for name, value in options.items()),
            ],
            folder,
            **places,
        )

    async def started(self):
        """Wait until it listens."""
        await eventually(lambda: listens(self._port) or self.has_ended(), WHOLE_RUN)
        assert not self.has_ended(), self.errors
