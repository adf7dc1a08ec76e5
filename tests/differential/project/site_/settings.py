from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "only for tests, and longer than fifty characters, as Django wants it"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "site_.urls"
WSGI_APPLICATION = "site_.wsgi.application"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "cases",
    "framework",
]
MIDDLEWARE = [
    "framework.parts.middleware.Classic",
    "framework.parts.middleware.both_kinds",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "loaders": [
                "framework.parts.loaders.Invented",
                "django.template.loaders.app_directories.Loader",
                ("django.template.loaders.locmem.Loader", {"in-memory.html": "in memory {{ 1 }}"}),
            ],
        },
    }
]
STATIC_URL = "assets/"
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "framework.parts.finders.TextFinder",
]
MEDIA_ROOT = BASE_DIR / "media"
MEDIA_URL = "/media/"
DATABASES = {"default": {"ENGINE": "site_.engine", "NAME": BASE_DIR / "db.sqlite3"}}
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("ar", "Arabic"), ("pl", "Polish")]
TIME_ZONE = "America/New_York"
USE_THOUSAND_SEPARATOR = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MAILERS = {}
LOGGING = {
    "version": 1,
    "handlers": {"memory": {"class": "logging.handlers.MemoryHandler", "capacity": 1000}},
    "loggers": {"shop": {"handlers": ["memory"], "level": "INFO"}},
}
