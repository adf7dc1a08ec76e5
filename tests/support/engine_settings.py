"""A project whose tasks go to any engine: the variable ENGINE_SETTINGS has what differs, as JSON."""

import json
import os
from typing import Any

SECRET_KEY = "tests"
USE_TZ = True
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "djbundle.tasks"]
SILENCED_SYSTEM_CHECKS = ["admin.E403"]
CHANGES: dict[str, Any] = json.loads(os.environ["ENGINE_SETTINGS"])
INSTALLED_APPS += CHANGES.pop("APPS", [])
globals().update(CHANGES)
