"""A project that uses the packages which load their libraries, data and plug-ins in odd ways."""

from django.conf import settings as so_far
from split_settings.tools import include, optional

SECRET_KEY = "django-insecure-packages"
INSTALLED_APPS = ["kit"]
ROOT_URLCONF = "odds.urls"
DATABASES: dict[str, dict[str, str]] = {}
USE_TZ = True
include("parts/*.py", optional("local.py"))  # read as files, and not imported
KNOWN_SO_FAR = [so_far.LANGUAGE_CODE, so_far.ROOT_URLCONF]  # Django sets itself up of what is above
KNOWN_LATER = "more"
