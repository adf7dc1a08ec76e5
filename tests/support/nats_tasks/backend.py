"""A backend of ``django.tasks`` on NATS JetStream: a stream, with a subject for each queue, keeps tasks on disk."""

import asyncio
import json
import logging
import os
import threading
from collections.abc import Sequence
from typing import Any, cast
from uuid import uuid4

import nats
from django.tasks import Task, TaskResult, TaskResultStatus
from django.tasks.backends.base import BaseTaskBackend
from django.tasks.signals import task_enqueued
from nats.aio.client import Client
from nats.js.api import RetentionPolicy
from nats.js.errors import NoStreamResponseError, NotFoundError

logger = logging.getLogger(__name__)

TIMEOUT = 2.0  # seconds for the server to answer


class NatsBackend(BaseTaskBackend):
    """Sends tasks to a server of NATS. ``OPTIONS`` has its ``URL``, and the name of the ``STREAM``."""

    supports_async_task = True

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        self.url, self.stream = self.options["URL"], self.options.get("STREAM", "tasks")
        self._lock, self._sender = threading.Lock(), cast("Sender | None", None)

    def enqueue(self, task: Task, args: Sequence[Any], kwargs: dict[str, Any]) -> TaskResult:
        """Send a message. When this returns, the server has it."""
        self.validate_task(task)
        result = self.result(task, str(uuid4()), args, kwargs)
        message = {"id": result.id, "path": task.module_path, "args": result.args, "kwargs": result.kwargs}
        self._sender_here().send(self.subject(task.queue_name), json.dumps(message).encode())
        task_enqueued.send(type(self), task_result=result)
        return result

    def _sender_here(self) -> "Sender":
        with self._lock:
            if self._sender is None or self._sender.process != os.getpid():  # its thread does not outlive a fork
                self._sender = Sender(self)
            return self._sender

    def result(self, task: Task, key: str, args: Sequence[Any], kwargs: dict[str, Any]) -> TaskResult:
        """Return the result of a task that waits."""
        times: Any = dict.fromkeys(("enqueued_at", "started_at", "finished_at", "last_attempted_at"))
        call: Any = {"task": task, "id": key, "args": [*args], "kwargs": kwargs, "backend": self.alias}
        return TaskResult(status=TaskResultStatus.READY, errors=[], worker_ids=[], **times, **call)

    def subject(self, queue: str) -> str:
        return f"{self.stream}.{queue}"

    async def connect(self) -> Client:
        """Connect, however long the server is down. After an outage the connection comes back by itself."""
        return await nats.connect(self.url, max_reconnect_attempts=-1, reconnect_time_wait=0.5, error_cb=log_error)

    async def declare(self, client: Client) -> None:
        """Make the stream, unless it is there: an operator may have made it, with replicas."""
        server = client.jetstream(timeout=TIMEOUT)
        try:
            await server.stream_info(self.stream)
        except NotFoundError:
            subjects = [self.subject("*")]
            await server.add_stream(name=self.stream, subjects=subjects, retention=RetentionPolicy.WORK_QUEUE)


async def log_error(error: Exception) -> None:
    logger.warning("NATS: %s", str(error) or type(error).__name__)


class Sender:
    """The connection of one process. A thread runs the loop that nats-py needs."""

    def __init__(self, backend: NatsBackend) -> None:
        self.backend, self.process, self._loop = backend, os.getpid(), asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._connecting = asyncio.run_coroutine_threadsafe(backend.connect(), self._loop)

    def send(self, subject: str, message: bytes) -> None:
        """Raise an error if the server does not say in time that it has stored the message."""
        asyncio.run_coroutine_threadsafe(self._send(subject, message), self._loop).result()

    async def _send(self, subject: str, message: bytes) -> None:
        client = await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(self._connecting)), TIMEOUT)
        if not client.is_connected:  # else the message would be kept for later, and the caller would send it again
            raise ConnectionError("NATS does not answer")
        server = client.jetstream(timeout=TIMEOUT)
        try:
            await server.publish(subject, message)
        except NoStreamResponseError:  # the first one, or the server has lost its data
            await self.backend.declare(client)
            await server.publish(subject, message)
