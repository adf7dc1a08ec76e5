"""A project that keeps its tasks in SQLite, or in the server whose socket CONFORMANCE_POSTGRES or _MARIADB names."""

import os
from typing import Any

SECRET_KEY = "tests"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "djbundle.tasks", "tests.conformance"]
USE_TZ = True
if "CONFORMANCE_POSTGRES" in os.environ:
    DATABASES: dict[str, dict[str, Any]] = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": os.environ["CONFORMANCE_POSTGRES"],
            "NAME": os.environ["CONFORMANCE_DATABASE"],
        }
    }
elif "CONFORMANCE_MARIADB" in os.environ:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.mysql",
            "HOST": os.environ["CONFORMANCE_MARIADB"],
            "USER": os.environ["CONFORMANCE_USER"],
            "NAME": os.environ["CONFORMANCE_DATABASE"],
        }
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["CONFORMANCE_DATABASE"],
            "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": "PRAGMA journal_mode=WAL"},
        }
    }
BACKEND = "djbundle.tasks.DatabaseBackend"
TASKS = {
    "default": {"BACKEND": BACKEND, "QUEUES": ["default", "mails"]},
    "open": {"BACKEND": BACKEND, "QUEUES": [], "OPTIONS": {"MAX_ATTEMPTS": 3, "BACKOFF": 0}},
}
SILENCED_SYSTEM_CHECKS = ["admin.E403"]
