"""The settings of verify mode: no database but SQLite, no database or cache outside the data directory, and no mail."""

from djbundle.common.backends import is_sqlite
from djbundle.contract import variables
from djbundle.contract.verification import CACHES, ENGINES
from djbundle.runtime.core.copy_mode import is_confined
from djbundle.runtime.core.verify_mode import is_verify_mode
from djbundle.runtime.settings.overlay import Overlay
from djbundle.stand_ins import replace_caches

DUMMY_MAIL = "django.core.mail.backends.dummy.EmailBackend"


def stay_in_data_directory(overlay: Overlay) -> None:
    if is_confined():
        replace_databases(overlay)
        replace_cache_servers(overlay)
    if is_verify_mode():
        replace_mail(overlay, DUMMY_MAIL, variables.VERIFY_MODE)


def replace_databases(overlay: Overlay) -> None:
    databases = overlay.get("DATABASES", {})
    overlay.set(ENGINES, {entry.get("ENGINE", "") for entry in databases.values()}, variables.VERIFY_MODE)
    stand_ins = {
        alias: {"ENGINE": "django.db.backends.sqlite3", "NAME": str(overlay.bundle.data / f"{alias}.sqlite3")}
        for alias, entry in databases.items()
        if not is_sqlite(entry.get("ENGINE", ""))
    }
    overlay.set("DATABASES", databases | stand_ins, variables.VERIFY_MODE)


def replace_cache_servers(overlay: Overlay) -> None:
    caches = overlay.get("CACHES", {})
    stand_ins = replace_caches(caches, overlay.bundle.data)
    overlay.set(CACHES, [caches[alias] for alias in stand_ins], variables.VERIFY_MODE)
    if stand_ins:
        overlay.set("CACHES", caches | stand_ins, variables.VERIFY_MODE)


def replace_mail(overlay: Overlay, backend: str, reason: str) -> None:
    """Make every mailer use this backend."""
    mailers = overlay.get("MAILERS")
    if mailers is not None:  # empty is not absent: Django refuses the old settings beside it
        overlay.set("MAILERS", {name: {"BACKEND": backend} for name in mailers}, reason)
    else:
        overlay.set("EMAIL_BACKEND", backend, reason)
