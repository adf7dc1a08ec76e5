"""As little as Django runs with, for ASGI: uploads, but no database, no apps and no static files."""

import os
from pathlib import Path

import environ

environ.Env.read_env(Path(__file__).parent.parent / ".env")
TOKEN = os.environ["STREAMING_TOKEN"]
PASSWORD = os.environ.get("STREAMING_PASSWORD", "")
SECRET_KEY = "django-insecure-streaming"
ROOT_URLCONF = "streaming.urls"
ASGI_APPLICATION = "streaming.asgi.application"
USE_TZ = True
MEDIA_URL = "media/"
MEDIA_ROOT = Path(__file__).parent.parent / "media"
