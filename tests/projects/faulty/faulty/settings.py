"""A project that builds, and whose pages fail in every way that shows only when they are asked for."""

from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "of a test, and long enough for all checks of Django's, which want fifty characters"
ALLOWED_HOSTS = [".faulty.example"]
SECURE_SSL_REDIRECT = True
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "faulty.middleware.refuse",
]
ROOT_URLCONF = "faulty.urls"
TEMPLATES = [
    {"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [BASE_DIR / "faulty" / "templates"]}
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
STATIC_URL = "/static/"
# As in production: what the machine of a build does not have, nor an empty container.
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": "/nowhere/cache"},
    "sessions": {"BACKEND": "faulty.caches.ServerCache", "LOCATION": "cache://cache.faulty.example"},
}
SESSION_ENGINE, SESSION_CACHE_ALIAS = "django.contrib.sessions.backends.cache", "sessions"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"file": {"class": "logging.FileHandler", "filename": "/nowhere/log/faulty.log"}},
    "loggers": {"faulty": {"handlers": ["file"]}},
}
AUTHENTICATION_BACKENDS = ["faulty.backends.Lockout", "django.contrib.auth.backends.ModelBackend"]
