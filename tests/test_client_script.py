"""The browser's client, as Node's server hands it out, and where it comes from."""

import base64
import gzip
import hashlib
import io
import os
import sys
import tarfile
from collections.abc import Mapping
from typing import NamedTuple

import aiohttp
import pytest
import pytest_asyncio

from chatlib import ChatServer, client_fetch
from chatlib.__main__ import main
from chatlib.client_script import CDN, FILES, SCRIPT, VARIABLE, VERSION, ClientScript, cache
from chatlib.web import WebServer
from support.waiting import TIMEOUT

CODE = b"/*! a client */\n" * 100


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    """A cache that no test leaves anything in, and no folder of the machine's user."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(
        "platformdirs.user_cache_path", lambda name, author: tmp_path / "cache" / name
    )


@pytest.fixture
def folder(tmp_path):
    """A folder with all the files of a client."""
    folder = tmp_path / "dist"
    folder.mkdir()
    for name in FILES:
        (folder / name).write_bytes(CODE)
    return folder


@pytest_asyncio.fixture
async def get():
    """Ask a server that has a folder: ``await get(folder, path, **headers)``."""
    running = []

    async def ask(folder, path, method="GET", **headers):
        server = WebServer(ChatServer().io, folder)
        running.append(server)
        await server.start()
        timeout = aiohttp.ClientTimeout(TIMEOUT)
        async with aiohttp.ClientSession(server.url, timeout=timeout) as session:
            request = session.request(method, path, headers=headers, allow_redirects=False)
            async with request as answer:
                return Answer(answer.status, answer.headers, await answer.read())

    yield ask
    for server in running:
        await server.stop()


class TestFromAFolder:
    @pytest.mark.parametrize(
        "name",
        ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"],
    )
    async def test_a_script_comes_as_nodes_server_sends_it(self, get, folder, name):
        answer = await get(folder, f"/socket.io/{name}")
        assert (answer.status, answer.body) == (200, CODE)
        assert answer.headers["Content-Type"] == "application/javascript; charset=utf-8"
        assert answer.headers["Cache-Control"] == "public, max-age=0"

    async def test_a_map_is_json(self, get, folder):
        answer = await get(folder, "/socket.io/socket.io.min.js.map")
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"

    async def test_a_query_changes_nothing(self, get, folder):
        assert (await get(folder, "/socket.io/socket.io.js?v=4")).status == 200

    async def test_a_module_of_another_origin_may_import_it(self, get, folder):
        answer = await get(folder, "/socket.io/socket.io.esm.min.js", Origin="http://x.example")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"

    async def test_it_is_no_other_kind_of_file_than_it_says(self, get, folder):
        answer = await get(folder, "/socket.io/socket.io.js")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"

    @pytest.mark.parametrize("tag", ["{}", "W/{}", '"another", {}', "*"])
    async def test_who_has_it_already_does_not_get_it_again(self, get, folder, tag):
        path = "/socket.io/socket.io.js"
        etag = (await get(folder, path)).headers["ETag"]
        again = await get(folder, path, **{"If-None-Match": tag.format(etag)})
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", etag)

    async def test_who_has_an_older_one_does(self, get, folder):
        answer = await get(folder, "/socket.io/socket.io.js", **{"If-None-Match": '"4.0.0"'})
        assert (answer.status, answer.body) == (200, CODE)

    async def test_a_browser_that_can_unpack_it_gets_it_packed(self, get, folder):
        answer = await get(folder, "/socket.io/socket.io.js", **{"Accept-Encoding": "gzip"})
        assert answer.headers["Content-Encoding"] == "gzip"
        assert int(answer.headers["Content-Length"]) < len(CODE)
        assert "Accept-Encoding" in answer.headers["Vary"]

    async def test_its_head_alone_can_be_asked_for(self, get, folder):
        answer = await get(folder, "/socket.io/socket.io.js", "HEAD")
        assert (answer.status, answer.body) == (200, b"")

    @pytest.mark.parametrize(
        "path",
        [
            "/socket.io/socket.io.ts",
            "/socket.io/socket.io.js.map.map",
            "/socket.io/socket.io.esm.js",
            "/socket.io/secret.js",
            "/socket.io/%2e%2e/secret.js",
            "/socket.io/socket.io.js/",
            "/socket.io.js",
        ],
    )
    async def test_nothing_else_is_there(self, get, folder, path):
        (folder / "secret.js").write_text("secret")
        (folder.parent / "secret.js").write_text("secret")
        assert (await get(folder, path)).status == 404

    async def test_a_file_that_the_folder_lacks_is_not_found(self, get, folder):
        (folder / "socket.io.js.map").unlink()
        assert (await get(folder, "/socket.io/socket.io.js.map")).status == 404

    async def test_a_page_of_another_host_does_not_get_it(self, get, folder):
        answer = await get(folder, "/socket.io/socket.io.js", Host="evil.example")
        assert answer.status == 403

    def test_its_integrity_is_that_of_the_file(self, folder):
        digest = base64.b64encode(hashlib.sha384(CODE).digest()).decode()
        assert ClientScript(folder).integrity == f"sha384-{digest}"


class TestFromTheCdn:
    async def test_without_a_folder_browsers_are_sent_there(self, get):
        for name in FILES:
            answer = await get(None, f"/socket.io/{name}")
            assert answer.status == 302
            assert answer.headers["Location"] == f"{CDN}/{VERSION}/{name}"

    async def test_the_way_there_is_not_remembered(self, get):
        answer = await get(None, "/socket.io/socket.io.js")
        assert answer.headers["Cache-Control"] == "no-cache"

    async def test_a_module_may_go_there(self, get):
        answer = await get(None, "/socket.io/socket.io.esm.min.js", Origin="http://x.example")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"

    async def test_nothing_else_is_there(self, get):
        assert (await get(None, "/socket.io/other.js")).status == 404


class TestWhereItIsLookedFor:
    @pytest.fixture
    def other(self, tmp_path):
        other = tmp_path / "other"
        other.mkdir()
        (other / SCRIPT).write_text("another")
        return other

    def test_an_argument_comes_first(self, folder, other, monkeypatch):
        monkeypatch.setenv(VARIABLE, str(other))
        assert ClientScript.find(str(folder)).integrity == ClientScript(folder).integrity

    def test_then_the_environment(self, folder, other, monkeypatch):
        cache().parent.mkdir(parents=True)
        other.rename(cache())
        monkeypatch.setenv(VARIABLE, str(folder))
        assert ClientScript.find().integrity == ClientScript(folder).integrity

    def test_then_the_cache(self, folder):
        cache().parent.mkdir(parents=True)
        folder.rename(cache())
        assert ClientScript.find().integrity == ClientScript(cache()).integrity

    def test_at_last_the_cdn(self):
        assert ClientScript.find().origin == CDN

    def test_a_folder_without_it_is_one_line(self, fails, tmp_path):
        said = f"{tmp_path} has no {SCRIPT}; name the folder dist of the package socket.io-client."
        assert fails("--client-script", str(tmp_path)) == said

    def test_so_is_one_in_the_environment(self, fails, monkeypatch):
        monkeypatch.setenv(VARIABLE, "/nowhere")
        assert "nowhere has no" in fails()


def packed(folder, **files):
    """Return what ``npm pack`` makes of a package with these files in its ``dist``."""
    path = folder / "packed.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"package/dist/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def npm(monkeypatch, tmp_path):
    """Put a program in the place of ``npm``: ``npm("a line of Python")``."""
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "npm"

    def replace(code):
        program.write_text(f"#!{sys.executable}\nimport shutil, sys\n{code}\n")
        program.chmod(0o755)

    monkeypatch.setenv("PATH", str(programs))
    return replace


@pytest.mark.skipif(os.name != "posix", reason="the program in the place of npm is a script")
class TestFetch:
    @pytest.fixture
    def package(self, tmp_path, monkeypatch):
        package = packed(tmp_path, **dict.fromkeys(FILES, CODE), **{"evil.js": b"x"})
        digest = hashlib.sha512(package.read_bytes()).digest()
        monkeypatch.setattr(client_fetch, "_SHA512", base64.b64encode(digest).decode())
        return package

    def test_what_browsers_need_is_in_the_cache_afterwards(self, npm, package, capsys):
        npm(f"shutil.copy({str(package)!r}, '.')")
        assert main(["--fetch-client"]) == 0
        assert capsys.readouterr().out == f"The browser's client is in {cache()}\n"
        assert {path.name for path in cache().iterdir()} == set(FILES)
        assert (cache() / SCRIPT).read_bytes() == CODE
        assert ClientScript.find().origin is None

    def test_it_takes_the_place_of_what_was_there(self, npm, package):
        cache().mkdir(parents=True)
        (cache() / SCRIPT).write_text("damaged")
        npm(f"shutil.copy({str(package)!r}, '.')")
        assert main(["--fetch-client"]) == 0
        assert (cache() / SCRIPT).read_bytes() == CODE
        assert [each.name for each in cache().parent.iterdir()] == [cache().name]

    def test_npm_is_asked_for_one_version(self, npm, package, tmp_path):
        npm(f"open({str(tmp_path / 'asked')!r}, 'w').write(sys.argv[2])\n"
            f"shutil.copy({str(package)!r}, '.')")  # fmt: skip
        assert main(["--fetch-client"]) == 0
        assert (tmp_path / "asked").read_text() == f"socket.io-client@{VERSION}"

    @staticmethod
    def why(capsys):
        assert main(["--fetch-client"]) == 1
        shown = capsys.readouterr()
        [line] = shown.err.splitlines()
        assert shown.out == ""
        assert not cache().exists()
        return line

    def test_what_has_another_hash_is_not_kept(self, npm, package, tmp_path, capsys):
        package.write_bytes(gzip.compress(b"something else"))
        npm(f"shutil.copy({str(package)!r}, '.')")
        assert self.why(capsys) == (
            f"What npm fetched is not the socket.io-client@{VERSION} that is known here."
        )

    def test_without_npm(self, monkeypatch, tmp_path, capsys):
        monkeypatch.setenv("PATH", str(tmp_path))
        said = "npm is needed to fetch the client; it comes with Node.js."
        assert self.why(capsys) == said

    def test_without_a_network(self, npm, capsys):
        npm("sys.exit('npm error code EAI_AGAIN\\nnpm error syscall getaddrinfo')")
        assert self.why(capsys) == (
            f"npm could not fetch socket.io-client@{VERSION} (EAI_AGAIN); is this machine online?"
        )

    def test_with_an_npm_that_hangs(self, npm, monkeypatch, capsys):
        monkeypatch.setattr(client_fetch, "_TIMEOUT", 0.05)
        npm("import time; time.sleep(60)")
        assert "took more than 0.05 s" in self.why(capsys)

    def test_where_it_cannot_be_kept(self, npm, package, capsys):
        npm(f"shutil.copy({str(package)!r}, '.')")
        cache().parent.parent.mkdir(parents=True, exist_ok=True)
        cache().parent.write_text("a file in its way")
        assert self.why(capsys).startswith(f"The client cannot be kept in {cache().parent}: ")
