"""A web worker that is asked to drain."""

import asyncio
import socket
import subprocess
import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest

from djbundle.runtime.http.server import Server
from djbundle.runtime.serve import web_process
from djbundle.runtime.tls.pair import CertificatePair

# A child that begins to listen only after its parent has sent it DRAIN.
EARLY = """
import os
from djbundle.runtime.process import forking
from djbundle.runtime.process.supervisor import Supervisor

def run():
    os.read(sent, 1)
    with Supervisor([], grace=1, is_proven=True) as supervisor:
        supervisor.add_signal_handler(forking.DRAIN, lambda: (print("told"), supervisor.stop(0)))
        return supervisor.run()

forking.reset_signals_in_children()
sent, send = os.pipe()
child = forking.fork(run, "child")
os.kill(child, forking.DRAIN)
os.write(send, b"x")
os.waitpid(child, 0)
"""


class NewCertificates:
    """Certificates that differ at each look."""

    def __init__(self) -> None:
        self.looks = 0

    def version(self) -> int:
        self.looks += 1
        return self.looks

    def check(self) -> None: ...


async def started_after(looks: int) -> int:
    """Return how many servers a worker starts that drains after so many looks at its certificate."""
    started, pair = list[Any](), NewCertificates()
    server = SimpleNamespace(
        loop=asyncio.get_running_loop(),
        start=lambda *_: started.append(SimpleNamespace(drain=lambda: None)) or started[-1],
        options=SimpleNamespace(http=SimpleNamespace(head_seconds=60)),
    )
    worker = web_process.WebWorker(cast(Server, server))
    with socket.socket() as listener:
        watch = asyncio.create_task(
            worker.watch_certificate(web_process.Endpoint(listener), cast(CertificatePair, pair))
        )
        while pair.looks < looks:
            await asyncio.sleep(0)
        worker.drain()
        await asyncio.wait_for(watch, 20)
    for task in worker.tasks:
        task.cancel()
    return len(started)


@pytest.mark.parametrize("looks", [0, 1, 3])
def test_no_server_is_started_by_one_that_leaves(monkeypatch: pytest.MonkeyPatch, looks: int) -> None:
    """Clients that connect to it would be cut off when it stops."""
    monkeypatch.setattr(web_process, "CHECK_INTERVAL", 0.001)
    assert asyncio.run(started_after(looks)) == looks


def test_what_is_told_before_anybody_listens_is_heard() -> None:
    result = subprocess.run([sys.executable, "-c", EARLY], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout == "told\n"
