"""Tasks that leave state behind, and tasks that return what state they find."""

import asyncio
import decimal
import threading
from contextvars import ContextVar
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections, transaction
from django.tasks import task
from django.urls import get_urlconf, set_urlconf
from django.utils import timezone, translation

from djbundle.tasks.models import PausedQueue

variable = ContextVar("variable", default="nothing")


def _set() -> None:
    translation.activate("de")
    timezone.activate("Pacific/Auckland")
    variable.set("something")
    set_urlconf("tests.tasks.isolation_jobs")
    decimal.getcontext().prec = 3


def _seen() -> list[Any]:
    zone = timezone.get_current_timezone_name()
    return [translation.get_language(), zone, variable.get(), get_urlconf(), decimal.getcontext().prec]


@task
def leave() -> None:
    _set()


@task
async def leave_async() -> None:
    _set()
    await sync_to_async(_set)()
    await asyncio.sleep(0)


@task
def tell() -> list[Any]:
    return _seen()


@task
async def tell_async() -> list[list[Any]]:
    return [_seen(), await sync_to_async(_seen)()]


@task
def leave_a_transaction_open() -> None:
    transaction.atomic().__enter__()
    PausedQueue.objects.create(name="never committed")


@task
def leave_a_transaction_open_in_a_thread() -> None:
    thread = threading.Thread(target=leave_a_transaction_open.call)
    thread.start()
    thread.join()


@task
def pause(name: str) -> int:
    PausedQueue.objects.create(name=name)
    return PausedQueue.objects.count()


@task
def write_and_fail_in_the_database(name: str) -> None:
    PausedQueue.objects.create(name=name)
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT nothing FROM nowhere")


@task
def write_and_fail(name: str) -> None:
    PausedQueue.objects.create(name=name)
    raise ValueError("as told")


@task
def write_twice(name: str) -> None:
    PausedQueue.objects.create(name=name)
    PausedQueue.objects.create(name=name)
