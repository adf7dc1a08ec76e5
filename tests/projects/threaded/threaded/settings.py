"""A project whose app starts a thread while the site is loaded, if THREADS is set."""

from pathlib import Path

import django

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "only for tests, and longer than fifty characters, as Django wants it"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "threaded.urls"
INSTALLED_APPS = ["django.contrib.contenttypes", "djbundle.tasks", "threaded.apps.ThreadedConfig"]
if django.VERSION < (6,):
    INSTALLED_APPS.append("django_tasks")
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
TASKS = {"default": {"BACKEND": "djbundle.tasks.DatabaseBackend"}}
USE_TZ = True
