"""Settings that all peers share, and those of the peer named in BENCH_PEER."""

import importlib
import os

PEER = importlib.import_module(f"peers.{os.environ['BENCH_PEER']}")

SECRET_KEY = "benchmark"
DEBUG = False
ALLOWED_HOSTS = ["*"]
USE_TZ = True
ROOT_URLCONF = "jobs.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
INSTALLED_APPS = ["jobs", *PEER.APPS]
if os.environ["BENCH_DATABASE"] == "sqlite":
    # For all peers: the write-ahead log, and each commit is on disk before it returns (FULL, SQLite's default).
    options = {"timeout": 30, "transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode = WAL"}
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3", "OPTIONS": options}}
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": os.environ["BENCH_HOST"],
            "USER": os.environ["BENCH_USER"],
            "NAME": os.environ["BENCH_NAME"],
            "CONN_MAX_AGE": 600,
        }
    }
globals().update(PEER.SETTINGS)
