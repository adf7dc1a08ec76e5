"""The settings of a copy: of one that is held, and of one that `at` shows."""

from djbundle.common.backends import is_sqlite
from djbundle.runtime.core import copy_mode
from djbundle.runtime.core.hold import Hold
from djbundle.runtime.core.verify_mode import is_verify_mode
from djbundle.runtime.settings.overlay import Overlay
from djbundle.runtime.settings.verify_mode import replace_mail

MAIL = "djbundle.runtime.settings.held_mail.EmailBackend"
QUERY_ONLY = "PRAGMA query_only=ON;"


def hold_mail(overlay: Overlay) -> None:
    if not is_verify_mode() and (hold := Hold.read(overlay.bundle.data)):
        replace_mail(overlay, MAIL, f"this is {hold.describe()}")


def make_read_only(overlay: Overlay) -> None:
    """Make every database refuse to be written. It runs after the rule that gives SQLite its options.

    A transaction that only reads must not begin as one that writes.
    """
    if not copy_mode.is_read_only():
        return
    databases = {alias: dict(entry) for alias, entry in overlay.get("DATABASES", {}).items()}
    for entry in databases.values():
        if is_sqlite(entry.get("ENGINE", "")):
            options = entry.get("OPTIONS", {})
            init_command = f"{options.get('init_command', '')} {QUERY_ONLY}".strip()
            entry["OPTIONS"] = options | {"init_command": init_command, "transaction_mode": "DEFERRED"}
    overlay.set("DATABASES", databases, "a copy as of another time is read-only, unless it is --writable")
