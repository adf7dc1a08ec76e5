"""A project that only uses the packages which a test has put beside Django: see tests/test_forest.py."""

from pathlib import Path

import odd_user  # noqa: F401 - a package of the test

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "of a test, and long enough for all checks of Django's, which want fifty characters"
INSTALLED_APPS = ["site_"]
ROOT_URLCONF = "site_.urls"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
