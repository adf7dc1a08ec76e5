"""The settings of the project that is measured. MODEL_POSTGRES, MODEL_USER: its server; MODEL_URL: its broker."""

import os

SECRET_KEY = "measured"
USE_TZ = True
INSTALLED_APPS = ["djbundle.tasks"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ.get("MODEL_POSTGRES", ""),
        "USER": os.environ.get("MODEL_USER", ""),
        "NAME": "model",
        "CONN_MAX_AGE": None,
    }
}
OPTIONS = {"URL": os.environ["MODEL_URL"]} if os.environ.get("MODEL_URL") else {}
TASKS = {"default": {"BACKEND": "djbundle.tasks.DatabaseBackend", "OPTIONS": OPTIONS}}
