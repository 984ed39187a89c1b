"""Programs that tests run in processes of their own."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys

import pytest

from support.waiting import PATIENCE, WHOLE_RUN, eventually


def needed(*names):
    """Return the path of a program that a test needs, whichever of these it is called here.

    Where there is none, the test is skipped; in CI, that is a failure.
    """
    path = next(filter(None, map(shutil.which, names)), None)
    return path or pytest.skip(f"{' or '.join(names)} is not installed")


def free_port():
    """Return a port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def listens(port):
    """Tell whether somebody listens on a port of this machine."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def passes(arguments, folder, **environment):
    """Run a program that tests something; fail with all that it printed if it fails."""
    run = subprocess.run(
        arguments,
        cwd=folder,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=WHOLE_RUN,
    )
    if run.returncode != 0:
        pytest.fail(run.stdout, pytrace=False)
    assert "tests 0" not in run.stdout


class Process:
    """A program that is running; what it prints goes to files, which never block it."""

    def __init__(self, arguments, folder, **environment):
        self._out, self._err = folder / "stdout", folder / "stderr"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                arguments,
                cwd=folder,
                stdout=out,
                stderr=err,
                env=os.environ | {"PYTHONIOENCODING": "utf-8"} | environment,
            )

    @property
    def lines(self):
        return self._out.read_text("utf-8").splitlines()

    @property
    def errors(self):
        return self._err.read_text("utf-8").splitlines()

    async def printed(self, text=""):
        """Wait until it has printed this, or anything at all."""

        def has_printed():
            return any(text in line for line in self.lines)

        await eventually(lambda: has_printed() or self.has_ended(), PATIENCE)
        assert has_printed(), self.errors

    def has_ended(self):
        return self._process.poll() is not None

    async def ended(self):
        """Wait until it has ended, and return its exit status."""
        await eventually(self.has_ended, PATIENCE)
        return self._process.returncode

    def signal(self, signum):
        self._process.send_signal(signum)

    def kill(self):
        self._process.kill()
        self._process.wait(PATIENCE)

    def stop(self):
        self._process.terminate()
        self._process.wait(PATIENCE)


class Command(Process):
    """``python -m chatlib``, running."""

    def __init__(self, folder, arguments, environment):
        # As a person has it: what is not flushed does not come.
        super().__init__(
            [sys.executable, "-m", "chatlib", *arguments],
            folder,
            **{"PYTHONUNBUFFERED": ""} | environment,
        )

    @property
    def url(self):
        return self.lines[0].rpartition(" ")[2]
