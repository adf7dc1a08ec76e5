"""Settings for the type checker and for tests that need some Django."""

SECRET_KEY = "tests"
INSTALLED_APPS: list[str] = []
ROOT_URLCONF = "tests.settings"
urlpatterns: list[object] = []
