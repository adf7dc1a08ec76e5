"""The shop's settings for gunicorn, Celery and Redis, as their documentation advises. SQLite is as in the bundle."""

import os
from typing import Any

from shop.settings import *  # noqa: F403
from shop.settings import BASE_DIR, DATABASES, MIDDLEWARE

REDIS = os.environ["SHOP_REDIS"]  # path of its socket

MIDDLEWARE.insert(1, "whitenoise.middleware.WhiteNoiseMiddleware")
STATIC_ROOT = BASE_DIR / "collected"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": f"unix://{REDIS}"}}
default: Any = DATABASES["default"]
default |= {
    "CONN_MAX_AGE": None,
    "OPTIONS": {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16000;",
    },
}
TASKS = {"default": {"BACKEND": "celery_shop.CeleryBackend"}}

CELERY_BROKER_URL = f"redis+socket://{REDIS}"
CELERY_TASK_ACKS_LATE = True  # otherwise a task is lost when its worker dies
CELERY_TASK_IGNORE_RESULT = True
CELERY_BEAT_SCHEDULE = {
    "warm_cache": {"task": "celery_shop.run", "schedule": 86400, "args": ["catalogue.tasks.warm_cache"]}
}
