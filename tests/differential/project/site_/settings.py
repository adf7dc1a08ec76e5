from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "only for tests, and longer than fifty characters, as Django wants it"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "site_.urls"
WSGI_APPLICATION = "site_.wsgi.application"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "cases"]
DATABASES = {"default": {"ENGINE": "site_.engine", "NAME": BASE_DIR / "db.sqlite3"}}
MAILERS = {}
LOGGING = {
    "version": 1,
    "handlers": {"memory": {"class": "logging.handlers.MemoryHandler", "capacity": 1000}},
    "loggers": {"shop": {"handlers": ["memory"], "level": "INFO"}},
}
