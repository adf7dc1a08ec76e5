"""A stand-in for Amazon's S3 on loopback: moto, in an environment of its own."""

import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self

from tests.support.ports import free_port
from tests.support.waiting import wait_until
from tests.support.wheel import make_environment

PACKAGE = "moto[s3,server]>=5.1"


class ObjectStore:
    """``with ObjectStore(folder) as store:`` installs and runs it; `store.url` is its endpoint. It takes any keys."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        program = make_environment(self.folder, "3.13", PACKAGE) / "moto_server"
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen([program, "-H", "127.0.0.1", "-p", str(self.port)], stdout=log, stderr=log)
        wait_until(self._answers, "moto answers", 60)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)

    def create_bucket(self, name: str) -> None:
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/{name}", method="PUT"), timeout=30).close()

    def put(self, bucket: str, key: str, data: bytes) -> None:
        """Store a file."""
        request = urllib.request.Request(f"{self.url}/{bucket}/{key}", method="PUT", data=data)
        urllib.request.urlopen(request, timeout=30).close()

    def names(self, bucket: str) -> str:
        """Return the list of a bucket's files, as XML."""
        with urllib.request.urlopen(f"{self.url}/{bucket}?list-type=2", timeout=30) as response:
            text: str = response.read().decode()
        return text

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(self.url, timeout=5).close()
        except (OSError, urllib.error.URLError):
            return False
        return True
