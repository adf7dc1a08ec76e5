"""A project that uses the packages which load their libraries, data and plug-ins in odd ways."""

SECRET_KEY = "django-insecure-packages"
INSTALLED_APPS = ["kit"]
ROOT_URLCONF = "odds.urls"
DATABASES: dict[str, dict[str, str]] = {}
USE_TZ = True
