"""OpenSSH's server on loopback, for its SFTP. The user of the tests logs in by a key."""

import getpass
import socket
import subprocess
from pathlib import Path
from typing import Self

from tests.support.ports import free_port
from tests.support.waiting import wait_until

PROGRAM = Path("/usr/sbin/sshd")
CONFIGURATION = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/key.pub
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PidFile none
Subsystem sftp internal-sftp
"""


class SftpServer:
    """``with SftpServer(folder) as server:`` runs it; `server.url(path)` names a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.key, self.known_hosts = folder / "key", folder / "known_hosts"

    def url(self, path: Path | str, *, known_hosts: Path | None = None) -> str:
        parameters = f"key={self.key}&known_hosts={known_hosts or self.known_hosts}"
        return f"sftp://{getpass.getuser()}@127.0.0.1:{self.port}{path}?{parameters}"

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("host_key", "key"):
            make_key(self.folder / name)
        public = (self.folder / "host_key.pub").read_text()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {public}")
        configuration = self.folder / "sshd_config"
        configuration.write_text(CONFIGURATION.format(port=self.port, folder=self.folder))
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd insists on this folder
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen([PROGRAM, "-D", "-e", "-f", configuration], stdout=log, stderr=log)
        wait_until(self._answers, "sshd answers")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 5).close()
        except OSError:
            return False
        return True


def make_key(file: Path) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)]
    subprocess.run(command, check=True, capture_output=True)
