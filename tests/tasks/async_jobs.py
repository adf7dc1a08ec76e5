"""Async tasks for the tests."""

import asyncio
import sys
import threading
import time

from asgiref.sync import sync_to_async

from djbundle.tasks.models import TaskRecord
from djbundle.tasks.typed import task

present: set[int] = set()


@task
async def meet(number: int, count: int) -> int:
    """Wait until `count` of these run in this process; return how many threads it has then."""
    present.add(number)
    while len(present) < count:
        await asyncio.sleep(0.005)
    return threading.active_count()


@task
async def count_tasks() -> int:
    return await TaskRecord.objects.acount()


@task
async def block_its_thread(seconds: float) -> None:
    await sync_to_async(time.sleep)(seconds)


@task
async def leave() -> None:
    sys.exit("an end that is not meant for the process")


@task(max_attempts=2, backoff=0.0)
async def fail() -> None:
    raise ValueError("always")
