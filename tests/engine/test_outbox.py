"""What waits for a client leaves from the front, in portions that its transport takes."""

import asyncio

import pytest

from chatlib.engine.outbox import Outbox


@pytest.fixture
def outbox():
    return Outbox()


def fill(outbox, *frames):
    for frame in frames:
        outbox.put(frame)


def test_all_that_waits_leaves_in_its_order(outbox):
    fill(outbox, b"a", b"b", b"c")
    assert outbox.take(16) == [b"a", b"b", b"c"]
    assert (outbox.frames, outbox.size) == ([], 0)


def test_no_more_packets_leave_than_a_polling_client_reads(outbox):
    fill(outbox, *[b"x"] * 20)
    assert len(outbox.take(16)) == 16
    assert len(outbox.take(16)) == 4
    assert outbox.size == 0


def test_many_bytes_leave_in_several_portions(outbox):
    fill(outbox, *[b"x" * 40_000] * 3)
    assert [len(outbox.take(16)) for _ in range(3)] == [1, 1, 1]
    assert outbox.size == 0


def test_a_frame_that_is_longer_than_a_portion_leaves_alone(outbox):
    fill(outbox, b"x" * 200_000, b"y")
    assert list(map(len, outbox.take(16))) == [200_000]
    assert outbox.take(16) == [b"y"]


def test_a_short_frame_counts_for_more_than_its_bytes(outbox):
    fill(outbox, b"x")
    assert outbox.size > 40


async def test_who_waits_for_it_to_be_empty_is_woken(outbox):
    fill(outbox, b"x")
    waiting = [asyncio.create_task(outbox.emptied()) for _ in range(2)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # which must not hurt the other one
    outbox.take(16)
    await waiting[1]
