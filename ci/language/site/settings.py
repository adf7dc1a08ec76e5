"""A site that has nothing but CPython's tests beside it."""

SECRET_KEY = "only for tests, and longer than fifty characters, as Django wants it"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "site_.urls"
INSTALLED_APPS = ["test"]
