"""A small project for tests: everything that a build must find, as `startproject` lays it out."""

import os
from pathlib import Path

import django

BASE_DIR = Path(__file__).resolve(strict=True).parent.parent  # strictly, as cookiecutter-django does
SECRET_KEY = "django-insecure-small"
DEBUG = True
ALLOWED_HOSTS: list[str] = []
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "djbundle.tasks",
    "notes",
]
if django.VERSION < (6,):
    INSTALLED_APPS.append("django_tasks")
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
ROOT_URLCONF = "small.urls"
WSGI_APPLICATION = "small.wsgi.application"
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
if "SMALL_POSTGRES" in os.environ:
    DATABASES = {
        "default": {"ENGINE": "django.db.backends.postgresql", "NAME": "small", "HOST": os.environ["SMALL_POSTGRES"]}
    }
elif "SMALL_DATABASE" in os.environ:
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["SMALL_DATABASE"]}}
else:
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
TASKS = {"default": {"BACKEND": "djbundle.tasks.DatabaseBackend"}}
if "SMALL_LEASE" in os.environ:
    TASKS["default"]["OPTIONS"] = {"LEASE": float(os.environ["SMALL_LEASE"])}
if "SMALL_CLOCK_AHEAD" in os.environ:  # seconds by which the clock of nightly backups is ahead
    import datetime

    from djbundle.runtime.backup import schedule

    real, ahead = schedule.now, datetime.timedelta(seconds=float(os.environ["SMALL_CLOCK_AHEAD"]))
    schedule.now = lambda: real() + ahead
if "SMALL_MAIL_PORT" in os.environ:
    ADMINS = ["ops@shop.example"] if django.VERSION >= (6,) else [("ops", "ops@shop.example")]
    EMAIL_HOST, EMAIL_PORT = "127.0.0.1", int(os.environ["SMALL_MAIL_PORT"])
STATIC_URL = "static/"
MEDIA_URL = "media/"
MEDIA_ROOT = BASE_DIR / "media"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
GREETING = (BASE_DIR / "GREETING.md").read_text().strip()
