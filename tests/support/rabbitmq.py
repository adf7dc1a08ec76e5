"""A RabbitMQ server for one run, on a port of its own of the loopback address."""

import contextlib
import os
import signal
import socket
import subprocess
from pathlib import Path

from tests.support.mailbox import free_port
from tests.support.servers import ServerProcess
from tests.support.waiting import wait_until

PROGRAM = "/usr/lib/rabbitmq/bin/rabbitmq-server"  # the one on the PATH changes to another user
TIMEOUT = 60.0  # seconds


class RabbitMQ(ServerProcess):
    """``with RabbitMQ(folder) as server:`` runs it; `server.url` is its address."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def start(self) -> None:
        """Start it, with what it has kept."""
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
        wait_until(self._answers, "RabbitMQ answers", TIMEOUT)

    def kill(self) -> None:
        if process := self.process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self.process = None
            wait_until(lambda: not is_group(process.pid), "all its processes have ended")

    def restart(self) -> None:
        """Restart as after a crash."""
        self.kill()
        self.start()

    def _answers(self) -> bool:
        assert self.process
        assert self.process.poll() is None, (self.folder / "output").read_text()
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
