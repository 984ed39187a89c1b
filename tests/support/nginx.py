"""nginx in front of a server: the README's configuration, and a certificate of its own."""

import os
import re
import ssl
from pathlib import Path

import pytest

from support.processes import Process, free_port, listens, needed
from support.waiting import PATIENCE, eventually

README = Path(__file__).parents[2] / "README.md"
NAME = "chat.example"

# All that nginx writes goes to the folder; one process is enough, and leaves none behind.
_CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr;
{user}
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {folder}/certificate;
        ssl_certificate_key {folder}/key;
        {locations}
    }}
}}
"""


class Nginx(Process):
    """Debian's nginx, which adds TLS and leads to a server.

    Args:
        folder: Where it may write.
        url: Where the server listens.
        port: Where nginx is to listen.

    Attributes:
        url: Where it listens, with the name of this machine.
        origin: The same with a name that only leads here if the client is told so.
        context: What a client needs to believe its certificate.
    """

    def __init__(self, folder, url, port=None):
        trustme = pytest.importorskip("trustme")
        program = needed("nginx", "/usr/sbin/nginx")
        self._port = port or free_port()
        self.url = f"https://localhost:{self._port}"
        self.origin = f"https://{NAME}:{self._port}"
        authority = trustme.CA()
        self.context = ssl.create_default_context()
        authority.configure_trust(self.context)
        certificate = authority.issue_cert("localhost", NAME)
        certificate.private_key_pem.write_to_path(folder / "key")
        for part in certificate.cert_chain_pems:
            part.write_to_path(folder / "certificate", append=True)
        as_root = hasattr(os, "geteuid") and os.geteuid() == 0
        (folder / "nginx.conf").write_text(
            _CONFIGURATION.format(
                folder=folder,
                port=self._port,
                user="user root;" if as_root else "",
                locations=_locations(url),
            )
        )
        super().__init__([program, "-e", "stderr", "-c", folder / "nginx.conf"], folder)

    async def listens(self):
        """Wait until it listens."""
        await eventually(lambda: listens(self._port) or self.has_ended(), PATIENCE)
        assert not self.has_ended(), self.errors


def _locations(url):
    """Return the README's location, and the same under a path."""
    [block] = re.findall(r"```nginx\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    block = block.replace("http://127.0.0.1:8000", url)
    assert url in block
    below = block.replace("location / {", "location /below/a/path/ {").replace(url, f"{url}/")
    return block + below
