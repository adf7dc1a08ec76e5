"""The settings of the same project with Celery, as its documentation advises for tasks that must not be lost."""

import os

SECRET_KEY = "kills"
USE_TZ = True
DATABASES = {
    "default": {"ENGINE": "django.db.backends.postgresql", "NAME": "tasks", "HOST": os.environ["TASKS_TEST_POSTGRES"]}
}
CELERY_BROKER_URL = os.environ["KILLS_CELERY"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_IGNORE_RESULT = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 10}
