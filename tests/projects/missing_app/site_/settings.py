SECRET_KEY = "django-insecure-test"
ROOT_URLCONF = "site_.urls"
INSTALLED_APPS = ["not_installed_anywhere"]
USE_TZ = True
