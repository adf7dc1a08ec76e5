"""Any user of the machine may wake a worker, and can do no more: the worker does its work between two wake-ups."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.tasks.conftest import StartWorker, start_worker  # noqa: F401 - a fixture, and Django's setup

# isort: split

from djbundle.tasks.models import TaskRecord
from djbundle.tasks.store import wakeup
from tests.support.waiting import wait_until
from tests.tasks import jobs
from tests.tasks.databases import use_sqlite


@pytest.fixture
def own_database(tmp_path: Path) -> Iterator[None]:
    with use_sqlite(tmp_path / "own.sqlite3"):
        yield


class EndlessSocket:
    """A socket to which others send faster than it is read."""

    def __init__(self) -> None:
        self.received = 0

    def recv(self, _size: int) -> bytes:
        self.received += 1
        assert self.received < 100_000, "it is read without end"
        return b"x"


def test_datagrams_without_end() -> None:
    endless = EndlessSocket()
    wakeup.receive_all(cast("socket.socket", endless))
    assert endless.received == wakeup.MAX_RECEIVED


@pytest.mark.usefixtures("own_database")
@pytest.mark.parametrize("datagram", [b"", b"x", b"x" * 100_000])
def test_datagrams_of_a_stranger(datagram: bytes, start_worker: StartWorker) -> None:  # noqa: F811
    """One of any size is a wake-up, and nothing else."""
    worker = start_worker()
    jobs.add.enqueue(1, 2)
    wait_until(lambda: not TaskRecord.objects.exclude(status="SUCCESSFUL").exists(), "the worker runs", 60)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
        for _ in range(100):
            stranger.sendto(datagram, wakeup.addresses_of("default")[0])
    jobs.add.enqueue(2, 2)
    wait_until(lambda: not TaskRecord.objects.exclude(status="SUCCESSFUL").exists(), "it still runs", 60)
    assert worker.poll() is None
