import not_installed_anywhere

SECRET_KEY = "django-insecure-test"
ROOT_URLCONF = "site_.urls"
INSTALLED_APPS: list[str] = []
USE_TZ = True
PRICES = not_installed_anywhere.PRICES
