"""procrastinate: PostgreSQL only, woken by NOTIFY."""

import os
from typing import Any

NAME = "procrastinate"
PACKAGES = ["procrastinate[django]"]
DURABLE = "with the request, on disk"
APPS = ["procrastinate.contrib.django"]
SETTINGS: dict[str, Any] = {}
if os.environ.get("BENCH_MODE") == "careful":
    SETTINGS = {
        "PROCRASTINATE_ON_APP_READY": "peers.procrastinate_django.retry_stalled",
        "PROCRASTINATE_WORKER_DEFAULTS": {"update_heartbeat_interval": 2.0, "stalled_worker_timeout": 10.0},
    }
WORKER = ["manage.py", "procrastinate", "worker"]
QUICK: list[str] = []
FOUR = [*WORKER, "--concurrency", "4"]
CAREFUL = WORKER
CALM = 40.0
POLL = 0.0
DONE = ("procrastinate_jobs", "status = 'succeeded' AND task_name LIKE 'jobs.%'")


def task(function: Any) -> Any:
    from procrastinate.contrib.django import app  # noqa: PLC0415 - needs the settings

    return app.task(function)


def enqueue(task: Any, value: int) -> None:
    task.defer(value=value)


def retry_stalled(app: Any) -> None:
    """Retry tasks of dead workers, as procrastinate documents it."""

    @app.periodic(cron="* * * * * */5")  # seconds come last
    @app.task(queueing_lock="retry_stalled", pass_context=True)
    async def retry_stalled_jobs(_context: Any, timestamp: int) -> None:  # noqa: ARG001 - by name
        for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=10):
            await app.job_manager.retry_job(job)
