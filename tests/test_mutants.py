"""Breaks the server, one way at a time, and requires the lessons to notice.

A mutant that survives is a lesson that does not look closely enough.
"""

import importlib.util
import os
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import chatlib

PACKAGE = Path(chatlib.__file__).parent
LESSON = Path(__file__).parent.parent / "notebooks" / "06_the_whole_server.ipynb"
TIMEOUT = 60  # seconds, for one run of the lesson

# A way to break the server: the file, the text to replace, and what to put in its place.
MUTANTS = {
    "welcome is dropped": (
        "server.py",
        'await self.io.emit("welcome", f"Welcome to the server {sid}", to=sid)',
        "pass",
    ),
    "broadcast reaches the newcomer too": (
        "server.py",
        'f"{sid} joined the server", to=EVERYONE, skip_sid=sid)',
        'f"{sid} joined the server", to=EVERYONE)',
    ),
    "the sender is not excluded from a room": (
        "server.py",
        "to=to.room, skip_sid=sid)",
        "to=to.room)",
    ),
    "a room message goes to everyone": ("server.py", "to=to.room,", "to=EVERYONE,"),
    "join-room does nothing": (
        "server.py",
        "await self.io.enter_room(sid, group_room(room))",
        "group_room(room)",
    ),
    "leave-room does nothing": (
        "server.py",
        "await self.io.leave_room(sid, group_room(room))",
        "group_room(room)",
    ),
    "a direct message reaches only one of two tabs": (
        "server.py",
        "to=[to.user, *own],",
        'to=[*[tab for tab, _ in self.io.manager.get_participants("/", to.user)][:1], *own],',
    ),
    "a direct message misses the sender's other tab": (
        "server.py",
        "to=[to.user, *own],",
        "to=[to.user],",
    ),
    "a direct message comes back to the tab that it was written in": (
        "server.py",
        "to=[to.user, *own], skip_sid=sid)",
        "to=[to.user, *own])",
    ),
    "others is ignored": ("server.py", "elif to.others:", "elif False:"),
    "from is taken from the client": (
        "server.py",
        'data | {"from": sender}',
        'data | {"from": data.get("from", sender)}',
    ),
    "the acknowledgement is missing": (
        "messages.py",
        "return await handler(server, sid, data[0])",
        "await handler(server, sid, data[0])",
    ),
    "bad input is not answered": ("messages.py", "return refused(str(error))", "return None"),
    "a group may be named like a socket": ("messages.py", "if is_socket_id(text):", "if False:"),
}


def copy_package(directory, name="server.py", old="", new=""):
    """Copy the package to ``directory``, with one file's code broken.

    The lesson prints the server's source. For the traffic alone to tell, the source stays as it
    was, and only the compiled code is broken, that Python runs without a look at the source.
    """
    package = directory / PACKAGE.name
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    module, broken = package / name, directory / "broken.py"
    source = module.read_text(encoding="utf-8")
    if old:
        assert source.count(old) == 1, f"{name} should have this once: {old}"
        assert new.count("\n") == old.count("\n"), "the source printed would be another"
        source = source.replace(old, new)
    broken.write_text(source, encoding="utf-8")
    py_compile.compile(
        str(broken),
        cfile=importlib.util.cache_from_source(module),
        dfile=str(module),
        doraise=True,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


def run_lesson(directory):
    """Run the lesson under nbval with the package in ``directory``, up to the first red cell."""
    settings = directory / "pytest.ini"  # not the project's, and no plugin but nbval: it is faster
    settings.write_text("[pytest]\n", encoding="utf-8")
    environ = os.environ | {"PYTHONPATH": str(directory), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTHONPYCACHEPREFIX"):
        environ.pop(name, None)
    pytest_options = ["-c", str(settings), "-p", "no:cacheprovider", "-x", "-q", "--color=no"]
    nbval = ["-p", "nbval.plugin", "--nbval", "--nbval-current-env", "--nbval-cell-timeout=20"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *pytest_options, *nbval, str(LESSON)],
        cwd=directory,
        env=environ,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=TIMEOUT,
    )


def test_the_lesson_passes_with_an_unbroken_copy(tmp_path):
    copy_package(tmp_path)
    run = run_lesson(tmp_path)
    assert run.returncode == pytest.ExitCode.OK, run.stdout


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_lesson_notices_that(mutant, tmp_path):
    copy_package(tmp_path, *MUTANTS[mutant])
    run = run_lesson(tmp_path)
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout
    assert "Cell outputs differ" in run.stdout, run.stdout
    assert "1 failed" in run.stdout, run.stdout
