import os

SECRET_KEY = "django-insecure-test"
ROOT_URLCONF = "site_.urls"
INSTALLED_APPS: list[str] = []
USE_TZ = True
STRIPE_KEY = os.environ["STRIPE_KEY"]
MAIL_HOST = os.environ["MAIL_HOST"]
MAIL_PORT = int(os.environ.get("MAIL_PORT", "25"))
