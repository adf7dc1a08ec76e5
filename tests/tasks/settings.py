"""A project whose database is a file or a server, so that worker processes share it with the test."""

import json
import os

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS
from tests.tasks.databases import mariadb_settings, postgres_settings

INSTALLED_APPS = [*INSTALLED_APPS, "django.contrib.sessions", "django.contrib.staticfiles", "tests.tasks"]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
ROOT_URLCONF = "tests.tasks.urls"
STATIC_URL = "static/"
ALLOWED_HOSTS = ["testserver"]
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
if "TASKS_TEST_MARIADB" in os.environ:
    DATABASES = {"default": mariadb_settings(os.environ["TASKS_TEST_MARIADB"], os.environ["TASKS_TEST_USER"])}
DATABASES["default"] |= json.loads(os.environ.get("TASKS_TEST_SETTINGS", "{}"))
OPTIONS = json.loads(os.environ.get("TASKS_TEST_OPTIONS", "{}"))
TASKS = {"default": {"BACKEND": "djbundle.tasks.DatabaseBackend", "QUEUES": ["default", "mails"], "OPTIONS": OPTIONS}}
