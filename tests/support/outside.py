"""The services of the sample shop, a payment gateway and an SMTP server, and the settings that point to them."""

import json
import subprocess
import sys
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from tests.support.mailbox import Mailbox

GATEWAY = Path(__file__).with_name("gateway.py")


class Gateway:
    """The payment gateway of gateway.py in a process of its own."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host

    def __enter__(self) -> Self:
        command = [sys.executable, str(GATEWAY), "--host", self.host, "--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.communicate()

    def misbehave(self, mode: str, times: int = 1) -> None:
        """Let the next charges go wrong. The modes are those of gateway.py."""
        self._ask("/control", {"mode": mode, "times": times})

    def charges(self) -> list[dict[str, Any]]:
        return list(self._ask("/charges"))

    def _ask(self, path: str, body: object = None) -> Any:
        data = json.dumps(body).encode() if body else None
        with urllib.request.urlopen(f"{self.url}{path}", data, timeout=10) as response:
            return json.load(response)


class Outside:
    """Both services, for the duration of the block. They listen on `host`."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._host = host

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.gateway = stack.enter_context(Gateway(self._host))
            self.mailbox = stack.enter_context(Mailbox(self._host))
            self._close = stack.pop_all().close
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def settings(self, address: str = "127.0.0.1") -> dict[str, str]:
        """Return the environment variables of a shop that reaches both at `address`."""
        return {
            "PAYMENT_GATEWAY_URL": f"http://{address}:{self.gateway.port}",
            "PAYMENT_GATEWAY_TIMEOUT": "2",
            "EMAIL_HOST": address,
            "EMAIL_PORT": str(self.mailbox.port),
        }
