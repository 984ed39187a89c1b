"""Where browsers find a server: here, or under the address of a JupyterHub."""

import pytest

from chatlib.links import browser_url


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://192.168.1.5:8000/"])
def test_without_a_hub_it_is_where_the_server_listens(url, monkeypatch):
    for name in ("JUPYTERHUB_SERVICE_PREFIX", "JUPYTERHUB_PUBLIC_URL"):
        monkeypatch.delenv(name, raising=False)
    assert browser_url(url) == f"{url.rstrip('/')}/"


@pytest.mark.parametrize(
    ("prefix", "public", "found"),
    [
        ("/user/ada/", "", "/user/ada/proxy/8000/"),
        ("/user/ada", "", "/user/ada/proxy/8000/"),
        ("/", "", "/proxy/8000/"),
        ("/hub/user/ada/two/", "", "/hub/user/ada/two/proxy/8000/"),
        (
            "/user/ada/",
            "https://hub.example/user/ada/",
            "https://hub.example/user/ada/proxy/8000/",
        ),
        ("", "https://hub.example/", "http://[::1]:8000/"),  # a hub has a prefix
    ],
)
def test_on_a_hub_it_is_there(hub, prefix, public, found):
    hub(public, prefix)
    assert browser_url("http://[::1]:8000") == found


async def test_the_command_says_it(command):
    listening = await command(
        "--port", "0", JUPYTERHUB_SERVICE_PREFIX="/user/ada/", JUPYTERHUB_PUBLIC_URL=""
    )
    await listening.printed("Browsers find it at")
    port = listening.url.rpartition(":")[2]
    assert listening.lines[1] == f"Browsers find it at /user/ada/proxy/{port}/"
