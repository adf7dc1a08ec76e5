"""As little as Django runs with, for ASGI: no database, no apps, no static files."""

SECRET_KEY = "django-insecure-streaming"
ROOT_URLCONF = "streaming.urls"
ASGI_APPLICATION = "streaming.asgi.application"
USE_TZ = True
