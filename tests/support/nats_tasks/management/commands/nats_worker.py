"""Runs the tasks of a NatsBackend. Each has a process of its own, as with RQ."""

import asyncio
import contextlib
import json
import logging
import multiprocessing
import os
import signal
from argparse import ArgumentParser
from typing import Any

import nats.errors
from django.core.management import BaseCommand
from django.db import connections
from django.tasks import TaskContext, task_backends
from django.utils.module_loading import import_string
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig

from tests.support.nats_tasks.backend import NatsBackend

logger = logging.getLogger(__name__)

ACK_WAIT = 9.0  # seconds without a sign of life, after which the server gives a message to another worker
POLL = 1.0  # seconds of a request for a message; a worker that is stopped waits for it
PAUSE = 0.5  # seconds after an error, and before a message comes again whose process was killed
MAX_DELIVERIES = 5  # of a task that kills its process each time


class Command(BaseCommand):
    """``manage.py nats_worker [QUEUE ...]``."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("queues", nargs="*", help="[those of the backend]")
        parser.add_argument("--backend", default="default", help="the alias in TASKS [default]")
        parser.add_argument("--processes", type=int, default=4, help="of each queue [4]")

    def handle(self, **options: Any) -> None:
        backend = task_backends[options["backend"]]
        assert isinstance(backend, NatsBackend)
        connections.close_all()  # no process inherits one
        asyncio.run(Worker(backend).run(options["queues"] or sorted(backend.queues), options["processes"]))


class Worker:
    """Takes messages, one at a time for each process, and acknowledges each when its process has ended."""

    def __init__(self, backend: NatsBackend) -> None:
        self.backend, self.stopping = backend, asyncio.Event()

    async def run(self, queues: list[str], processes: int) -> None:
        """Run until a signal comes, and then until all tasks have ended."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.stopping.set)
        client = await self.backend.connect()
        async with asyncio.TaskGroup() as group:
            for queue in queues * processes:
                group.create_task(self.serve(client, queue))
        await client.flush()  # the last acknowledgements
        await client.close()

    async def serve(self, client: Client, queue: str) -> None:
        """Take messages of a queue. All workers share its consumer."""
        config = ConsumerConfig(ack_wait=ACK_WAIT)
        names = {"subject": self.backend.subject(queue), "durable": queue, "stream": self.backend.stream}
        while not self.stopping.is_set():
            try:
                await self.backend.declare(client)
                messages = await client.jetstream().pull_subscribe(**names, config=config)
                while not self.stopping.is_set():
                    await take(messages)
            except nats.errors.Error as error:  # the server is down, or has lost the stream
                logger.warning("NATS: %s", str(error) or type(error).__name__)
                await asyncio.sleep(PAUSE)


async def take(messages: JetStreamContext.PullSubscription) -> None:
    """Wait a moment for a message, and run its task."""
    try:
        [message] = await messages.fetch(1, timeout=POLL)
    except nats.errors.TimeoutError:
        return
    exit_code = await run(message)
    if exit_code >= 0 or message.metadata.num_delivered >= MAX_DELIVERIES:
        await message.ack()
    else:
        await message.nak(PAUSE)


async def run(message: Msg) -> int:
    """Run the task in a process, and tell the server meanwhile that it runs. Return the exit code."""
    with contextlib.suppress(Exception):
        import_string(json.loads(message.data)["path"])  # here, and not in each process
    process = multiprocessing.get_context("fork").Process(target=call, args=(message.data,))
    process.start()
    loop, ended, descriptor = asyncio.get_running_loop(), asyncio.Event(), os.pidfd_open(process.pid or 0)
    loop.add_reader(descriptor, ended.set)
    while not ended.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), ACK_WAIT / 3)
            break
        await message.in_progress()
    loop.remove_reader(descriptor)
    os.close(descriptor)
    process.join()
    return process.exitcode or 0


def call(data: bytes) -> None:
    """Call the function, in a process of its own. An error is printed, and ends it."""
    for number in (signal.SIGTERM, signal.SIGINT):  # may come to the whole group; the worker waits for this process
        signal.signal(number, lambda *_: None)
    message = json.loads(data)
    task, args, kwargs = import_string(message["path"]), message["args"], message["kwargs"]
    if task.takes_context:
        args = [TaskContext(task_result=task.get_backend().result(task, message["id"], args, kwargs)), *args]
    task.call(*args, **kwargs)
