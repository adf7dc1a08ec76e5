"""A RabbitMQ server for one run, on a port of its own of the loopback address."""

import contextlib
import os
import signal
import socket
import subprocess
from pathlib import Path

from tests.support.ports import free_port
from tests.support.servers import ServerProcess
from tests.support.waiting import wait_until

PROGRAM = "/usr/lib/rabbitmq/bin/rabbitmq-server"  # the one on the PATH changes to another user
TIMEOUT = 60.0  # seconds
ATTEMPTS = 4


class RabbitMQ(ServerProcess):
    """``with RabbitMQ(folder) as server:`` runs it; `server.url` is its address."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def start(self) -> None:
        """Start it, with what it has kept. A client may have taken one of its ports: then it is started again."""
        for _ in range(ATTEMPTS):
            process = self._launch()
            wait_until(self._answers_or_has_ended, "RabbitMQ answers", TIMEOUT)
            if process.poll() is None:
                return
        raise AssertionError((self.folder / "output").read_text())

    def _launch(self) -> "subprocess.Popen[bytes]":
        environment = {
            "HOME": str(self.folder),  # for the cookie
            "ERL_CRASH_DUMP": str(self.folder / "crash.dump"),
            "PATH": os.environ["PATH"],
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(free_port()),
            "RABBITMQ_NODENAME": f"djbundle-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "none"),
        }
        (self.folder / "plugins").write_text("[].")
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen([PROGRAM], env=environment, stdout=output, stderr=output, process_group=0)
        return self.process

    def kill(self) -> None:
        if process := self.process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self.process = None
            wait_until(lambda: not is_group(process.pid), "all its processes have ended")

    def _answers_or_has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None or self._answers()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                connection.settimeout(5)
                return bool(connection.recv(1))
        except OSError:
            return False


def is_group(number: int) -> bool:
    """Return whether a process group has processes."""
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return False
    return True
