"""A project whose code calls itself without end, in each way that Python has."""

from pathlib import Path

import django

BASE_DIR = Path(__file__).parent.parent
SECRET_KEY = "django-insecure-recursive"
DEBUG = False
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["djbundle.tasks", "deep"]
if django.VERSION < (6,):
    INSTALLED_APPS.append("django_tasks")
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "recursive.urls"
WSGI_APPLICATION = "recursive.wsgi.application"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
TASKS = {"default": {"BACKEND": "djbundle.tasks.DatabaseBackend"}}
USE_TZ = True
