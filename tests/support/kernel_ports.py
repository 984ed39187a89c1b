"""Gives Jupyter kernels ports that no other test can take: a plugin of pytest, for all its runs.

A kernel listens a moment after its ports were chosen, by default among those that the system also
gives to connections. The other tests make thousands of them, one takes such a port now and then,
and the kernel dies.
"""

import random
import socket

from jupyter_client.connect import LocalPortCache

_PORTS = range(15_000, 30_000)  # below those that Linux, macOS and Windows choose by themselves
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
