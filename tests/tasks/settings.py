"""A project whose database is a file or a server, so that worker processes share it with the test."""

import json
import os

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS
from tests.tasks.databases import postgres_settings

INSTALLED_APPS = [*INSTALLED_APPS, "tests.tasks"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["TASKS_TEST_DATABASE"],
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": float(os.environ.get("TASKS_TEST_LOCK_TIMEOUT", "20")),
            "init_command": "PRAGMA journal_mode=WAL",
        },
    }
}
if "TASKS_TEST_POSTGRES" in os.environ:
    DATABASES = {"default": postgres_settings(os.environ["TASKS_TEST_POSTGRES"])}
OPTIONS = json.loads(os.environ.get("TASKS_TEST_OPTIONS", "{}"))
TASKS = {"default": {"BACKEND": "djbundle.tasks.DatabaseBackend", "OPTIONS": OPTIONS}}
SILENCED_SYSTEM_CHECKS = ["admin.E403", "admin.E408", "admin.E409", "admin.E410"]
