"""An SMTP server on loopback that stores the mails it receives."""

import email
import email.policy
import time
from email.message import EmailMessage
from typing import Any, Self

from aiosmtpd.controller import Controller

from tests.support.ports import free_port


class Mailbox:
    """``with Mailbox() as mailbox:`` listens on `port` of `host` until the end of the block."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.messages: list[EmailMessage] = []
        self.port = free_port()  # Controller does not report which port it got for 0
        self._controller = Controller(self, hostname=host, port=self.port)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    async def handle_DATA(  # noqa: N802 - the name that aiosmtpd calls
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.messages.append(message)
        return "250 Message accepted"

    def to(self, address: str) -> list[EmailMessage]:
        return [message for message in self.messages if address in str(message["To"])]

    def wait(self, address: str, seconds: float = 30.0) -> EmailMessage:
        """Return the first message to `address`. Raises TimeoutError if there is none in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if messages := self.to(address):
                return messages[0]
            time.sleep(0.05)
        raise TimeoutError(f"no mail to {address} within {seconds:.0f} s")


def text_of(message: EmailMessage) -> str:
    """Return the plain text of a mail."""
    body = message.get_body(("plain",))
    return str(body.get_content()) if body else ""
