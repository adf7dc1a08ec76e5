"""Settings for the type checker and for tests that need some Django."""

from typing import Any

SECRET_KEY = "tests"
INSTALLED_APPS: list[str] = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.admin",
    "djbundle.tasks",
]
DATABASES: dict[str, dict[str, Any]] = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
TASKS: dict[str, dict[str, Any]] = {"default": {"BACKEND": "djbundle.tasks.DatabaseBackend"}}
ROOT_URLCONF = "tests.settings"
urlpatterns: list[object] = []
USE_TZ = True
