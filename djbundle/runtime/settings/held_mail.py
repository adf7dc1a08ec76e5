"""Mail of a held copy: it goes to the log, and to nobody."""

from collections.abc import Sequence
from typing import Any

from django.core.mail.backends.base import BaseEmailBackend

from djbundle.runtime.logs import lines


class EmailBackend(BaseEmailBackend):
    def send_messages(self, email_messages: Sequence[Any]) -> int:
        for message in email_messages:
            to = ", ".join(message.recipients())
            lines.write("warning", "mail", f"held, not sent: {message.subject}", {"to": to}, message.body)
        return len(email_messages)
