import os

SECRET_KEY = "django-insecure-crashing"
DEBUG = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "crashing.urls"
WSGI_APPLICATION = None
INSTALLED_APPS = []
DATABASES = {}
USE_TZ = True
PAGES = os.environ.get("CRASHING_PAGES", "plain").split(",")
