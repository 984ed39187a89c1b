"""A Redis server of the tests' own, that can be killed, frozen and started again."""

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import redis

from support.processes import needed
from support.waiting import PATIENCE


class RedisServer:
    """A Redis server without a port, and without anything on disk.

    Attributes:
        url: Where it listens.
    """

    def __init__(self):
        self._command = needed("redis-server")
        # Not `tmp_path_factory`: the path of a Unix socket has to be short.
        self._folder = tempfile.TemporaryDirectory()
        self._socket = Path(self._folder.name) / "redis"
        self.url = f"unix://{self._socket}"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()
        self._folder.cleanup()

    def start(self):
        options = ["--port", "0", "--unixsocket", self._socket, "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(
            [self._command, *options], stdout=subprocess.DEVNULL, cwd=self._folder.name
        )
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert time.monotonic() < deadline, "Redis did not start"
            time.sleep(0.01)

    def kill(self):
        self._process.kill()  # also one that is frozen
        self._process.wait(PATIENCE)

    def freeze(self):
        """Let it answer no more, with its connections as they are."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def client(self):
        return redis.Redis.from_url(self.url)

    def _answers(self):
        try:
            with self.client() as client:
                return client.ping()
        except redis.ConnectionError:
            return False
