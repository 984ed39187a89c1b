"""Breaks the server, one way at a time, and requires a lesson to notice.

A mutant that survives is a lesson that does not look closely enough.
"""

import importlib.util
import os
import py_compile
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import chatlib
from support.lessons import NOTEBOOKS
from support.waiting import WHOLE_RUN

PACKAGE = Path(chatlib.__file__).parent


# Of all that nbval imports this alone takes as long as a lesson, and nothing here needs it.
WITHOUT_SLOW_IMPORT = "sys.modules['rfc3987_syntax'] = None"
RUN_PYTEST = f"import sys; {WITHOUT_SLOW_IMPORT}; import pytest; sys.exit(pytest.main())"


@dataclass(frozen=True)
class Mutant:
    """A way to break the server.

    Attributes:
        name: The file, in the package.
        old: The text to replace, which is there once.
        new: What to put in its place.
        sign: How the lesson shows that it has noticed.
    """

    name: str
    old: str
    new: str
    sign: str = "Cell outputs differ"


def copy_package(directory, mutant=None):
    """Copy the package to ``directory``, with one file's code broken by ``mutant``.

    A lesson may print the server's source. For the traffic alone to tell, the source stays as it
    was, and only the compiled code is broken, that Python runs without a look at the source.
    """
    package = directory / PACKAGE.name
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    if not mutant:
        return
    module, broken = package / mutant.name, directory / "broken.py"
    source = module.read_text(encoding="utf-8")
    assert source.count(mutant.old) == 1, f"{mutant.name} should have this once: {mutant.old}"
    assert mutant.new.count("\n") == mutant.old.count("\n"), "the source printed would be another"
    broken.write_text(source.replace(mutant.old, mutant.new), encoding="utf-8")
    py_compile.compile(
        str(broken),
        cfile=importlib.util.cache_from_source(module),
        dfile=str(module),
        doraise=True,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


def run_lesson(lesson, directory):
    """Run a lesson under nbval with the package in ``directory``, up to the first red cell."""
    settings = directory / "pytest.ini"  # not the project's, and no plugin but nbval: it is faster
    settings.write_text("[pytest]\n", encoding="utf-8")
    path = f"{directory}{os.pathsep}{Path(__file__).parents[1]}"
    environ = os.environ | {"PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTHONPYCACHEPREFIX"):
        environ.pop(name, None)
    options = ["-c", str(settings), "-p", "no:cacheprovider", "-x", "-q", "--color=no"]
    options += ["-p", "support.kernel_ports", "-p", "nbval.plugin"]
    options += ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=20"]
    return subprocess.run(
        [sys.executable, "-c", RUN_PYTEST, *options, str(NOTEBOOKS / lesson)],
        cwd=directory,
        env=environ,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=WHOLE_RUN,
    )


def check_passes(lesson, directory):
    """Check that a lesson passes with an unbroken copy, or what comes with a broken one is void."""
    copy_package(directory)
    run = run_lesson(lesson, directory)
    assert run.returncode == pytest.ExitCode.OK, run.stdout


def check_notices(lesson, mutant, directory):
    """Check that a lesson goes red with a broken copy, and that it is the break that it shows."""
    copy_package(directory, mutant)
    run = run_lesson(lesson, directory)
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout
    assert "1 failed" in run.stdout, run.stdout
    assert mutant.sign in run.stdout, run.stdout
