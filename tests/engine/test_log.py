"""A client that causes a log line cannot fill the disk with it."""

import logging
import time

from chatlib.engine.log import OnceASecond


def test_one_line_a_second_tells_of_those_that_were_left_out(monkeypatch, caplog):
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    log = OnceASecond(logging.getLogger("chatlib.test"))
    for n in range(100):
        log.warning("Refusing %s", n)
    now += 1
    for n in range(100, 200):
        log.warning("Refusing %s", n)
    now += 60
    log.warning("100 % of it is refused")
    now += 1
    log.warning("Refusing %s", "again")
    assert caplog.messages == [
        "Refusing 0",
        "Refusing 100 (99 more lines were left out)",
        "100 % of it is refused (99 more lines were left out)",
        "Refusing again",
    ]
