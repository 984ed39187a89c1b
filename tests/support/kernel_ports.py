"""Gives Jupyter kernels ports that no other test can take: a plugin of pytest, for all its runs.

A kernel listens a moment after its ports were chosen, by default among those that the system also
gives to connections. The other tests make thousands of them, one takes such a port now and then,
and the kernel dies.
"""

import os
import random
import socket

from jupyter_client.connect import LocalPortCache

_FIRST, _SHARES, _SHARE = 15_000, 10, 1_500  # below those that systems choose by themselves
# Each worker of pytest-xdist chooses from a share of its own, as two can start a kernel at once.
_worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw") or os.getpid()
_start = _FIRST + int(_worker) % _SHARES * _SHARE
_PORTS = range(_start, _start + _SHARE)
_choose = random.Random()


def _find_available_port(self, ip):
    while True:
        port = _choose.choice(_PORTS)
        try:
            socket.create_server((ip, port)).close()
        except OSError:
            continue
        if port not in self.currently_used_ports:
            self.currently_used_ports.add(port)
            return port


LocalPortCache.find_available_port = _find_available_port
