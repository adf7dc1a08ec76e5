SECRET_KEY = "django-insecure-test"
ROOT_URLCONF = "site_.urls"
INSTALLED_APPS: list[str] = []
USE_TZ = True
