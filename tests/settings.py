"""Settings for the type checker and for tests that need some Django."""

SECRET_KEY = "tests"
INSTALLED_APPS: list[str] = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.admin",
    "djbundle.tasks",
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
TASKS = {"default": {"BACKEND": "djbundle.tasks.DatabaseBackend"}}
ROOT_URLCONF = "tests.settings"
urlpatterns: list[object] = []
USE_TZ = True
