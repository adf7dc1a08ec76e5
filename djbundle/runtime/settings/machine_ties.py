"""Makes ``./shop check`` say what still ties the site to one machine, after its variables have changed the settings.

Other commands that run the system checks do not: such a tie is not a fault.
"""

from collections.abc import Iterator
from typing import Any

from django.core import checks

from djbundle.common.machine_ties import ties_in
from djbundle.manifest import MachineTie
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.settings import secret_key

SETTING_ID, CODE_ID = "djbundle.I001", "djbundle.I002"  # for SILENCED_SYSTEM_CHECKS


def report_in_checks(bundle: Bundle) -> None:
    """Register the report as a system check."""

    def check(app_configs: Any, **_: Any) -> list[checks.CheckMessage]:
        return [*_of_settings(bundle), *_of_code(bundle)] if app_configs is None else []

    checks.register(check)


def _of_settings(bundle: Bundle) -> Iterator[checks.CheckMessage]:
    from django.conf import settings  # noqa: PLC0415 - the overlay has changed them by now

    key = bundle.data / secret_key.FILE_NAME
    is_key_local = key.is_file() and secret_key.read_or_create(bundle.data) == settings.SECRET_KEY
    places = bundle.manifest.places_of_settings
    for setting, cause, fix in ties_in(settings, is_key_local=is_key_local):
        yield _message(MachineTie(places.get(setting, setting), cause, fix), SETTING_ID)


def _of_code(bundle: Bundle) -> Iterator[checks.CheckMessage]:
    for tie in bundle.manifest.machine_ties:
        yield _message(tie, CODE_ID)


def _message(tie: MachineTie, identifier: str) -> checks.CheckMessage:
    return checks.Info(f"{tie.place} ties the site to one machine: {tie.cause}", hint=tie.fix, id=identifier)
