"""``TASKS_URL`` names the broker that carries tasks to workers on other machines. No code of the project changes."""

import os
from typing import Any

from djbundle.common.broker_url import BrokerUrl, BrokerUrlError
from djbundle.contract import variables
from djbundle.errors import SettingsError
from djbundle.runtime.core.copy_mode import is_confined
from djbundle.runtime.settings.overlay import Overlay

BACKENDS = ("djbundle.tasks.DatabaseBackend", "djbundle.tasks.backend.DatabaseBackend")


def use_broker(overlay: Overlay) -> None:
    """Give the URL to each alias of ``TASKS`` whose backend can use it. The build's verification uses no broker."""
    url = os.environ.get(variables.BROKER_URL, "")
    tasks: dict[str, Any] = overlay.get("TASKS") or {}
    ours = [alias for alias, backend in tasks.items() if backend.get("BACKEND") in BACKENDS]
    if not url or not ours or is_confined():
        return
    try:
        BrokerUrl.parse(url).check_installed()
    except BrokerUrlError as error:
        raise SettingsError(error.cause, error.fix) from None
    changed = {
        alias: {**backend, "OPTIONS": {**backend.get("OPTIONS", {}), "URL": url}} if alias in ours else backend
        for alias, backend in tasks.items()
    }
    overlay.set("TASKS", changed, variables.BROKER_URL)
