"""The Celery of the project beside ours. It needs an environment that has Celery, which djbundle does not need."""

import os

from celery import Celery  # type: ignore[import-not-found]

from ci.bench.engine_kills.trace import note

app = Celery("kills")
app.config_from_object("django.conf:settings", namespace="CELERY")


@app.task  # type: ignore[untyped-decorator]
def work(number: int) -> None:
    note(os.environ["KILLS_TRACE"], number)
