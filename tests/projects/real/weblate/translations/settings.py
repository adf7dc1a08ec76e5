import os
from pathlib import Path

from weblate.settings_example import *  # its documentation says to begin with a copy

DATA_DIR = str(Path(__file__).parent.parent / "data")
CACHE_DIR = f"{DATA_DIR}/cache"
MEDIA_ROOT = f"{DATA_DIR}/media"
STATIC_ROOT = f"{CACHE_DIR}/static"
SECRET_KEY = os.environ.get("SECRET_KEY", "")
DATABASES["default"] |= {"HOST": os.environ.get("PGHOST", ""), "USER": os.environ.get("PGUSER", "weblate")}
CACHES = {name: {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"} for name in CACHES}
CELERY_TASK_ALWAYS_EAGER = True
SITE_DOMAIN = "localhost"
ENABLE_HTTPS = True
OTP_WEBAUTHN_RP_ID = SITE_DOMAIN
OTP_WEBAUTHN_ALLOWED_ORIGINS = [f"https://{SITE_DOMAIN}"]
