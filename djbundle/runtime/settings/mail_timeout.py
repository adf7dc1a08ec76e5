"""Gives mail servers a time limit: one that hangs would keep a page for ever, above all the page of an error."""

import copy
from typing import Any

from djbundle.common.backends import SMTP, is_kind_of
from djbundle.runtime.settings.overlay import Overlay

TIMEOUT = 10  # seconds for each step of a conversation
REASON = "a mail server that hangs must not keep a page"


def limit_mail_time(overlay: Overlay) -> None:
    """Set the limit where mail is configured, and where it has none."""
    if overlay.get("MAILERS"):
        mailers = copy.deepcopy(overlay.get("MAILERS"))
        for mailer in mailers.values():
            set_timeout(mailer)
        if mailers != overlay.get("MAILERS"):
            overlay.set("MAILERS", mailers, REASON)
    elif overlay.get("EMAIL_HOST") and overlay.get("EMAIL_TIMEOUT") is None:
        overlay.set("EMAIL_TIMEOUT", TIMEOUT, REASON)


def set_timeout(mailer: dict[str, Any]) -> None:
    if is_kind_of(str(mailer.get("BACKEND") or SMTP), SMTP):
        options = mailer.setdefault("OPTIONS", {})
        if options.get("timeout") is None:
            options["timeout"] = TIMEOUT
