"""Measures what a request to SQS costs its client, with boto3 and a server of moto on the loopback address.

Only the CPU of the client is measured. What the service takes is published, see quotas.py.
"""

import contextlib
import importlib
import importlib.util
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

from ci.model import quotas
from ci.model.costs import BrokerCosts, Cost, Share
from ci.model.measuring.brokers import TASK
from tests.support.ports import free_port

REQUESTS = 150
START_SECONDS = 30.0
CREDENTIALS = {"aws_access_key_id": "measured", "aws_secret_access_key": "measured", "region_name": "eu-central-1"}


def can_measure() -> bool:
    """Return whether boto3 and moto are installed."""
    return all(map(importlib.util.find_spec, ("boto3", "moto", "flask")))


def measure_sqs() -> BrokerCosts:
    """Return the costs of requests, each with a full batch of messages."""
    boto3: Any = importlib.import_module("boto3")  # it has no types
    with _server() as url:
        client = boto3.client("sqs", endpoint_url=url, **CREDENTIALS)
        queue = client.create_queue(QueueName="measured")["QueueUrl"]
        send, receive, delete = _measure(client, queue)
    both = Cost(
        Share(receive.client.call + delete.client.call), wait=Share(receive.wait.call)
    )  # the deletion holds nobody up
    return BrokerCosts(send, both, send, receive, delete)


def _measure(client: Any, queue: str) -> tuple[Cost, Cost, Cost]:
    """Return the costs of a request to send, to receive and to delete."""
    entries = [{"Id": str(number), "MessageBody": str(TASK)} for number in range(quotas.SQS_BATCH)]
    seconds = [float("inf")] * 3
    for _ in range(REQUESTS):
        marks = [time.process_time()]
        client.send_message_batch(QueueUrl=queue, Entries=entries)
        marks.append(time.process_time())
        messages = client.receive_message(QueueUrl=queue, MaxNumberOfMessages=quotas.SQS_BATCH)["Messages"]
        marks.append(time.process_time())
        handles = [{"Id": str(number), "ReceiptHandle": each["ReceiptHandle"]} for number, each in enumerate(messages)]
        client.delete_message_batch(QueueUrl=queue, Entries=handles)
        marks.append(time.process_time())
        for index in range(3):
            seconds[index] = min(seconds[index], marks[index + 1] - marks[index])
    send, receive, delete = (Cost(Share(each), wait=Share(quotas.SQS_LATENCY)) for each in seconds)
    return send, receive, delete


@contextlib.contextmanager
def _server() -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/moto-api/", timeout=5):
                break
            time.sleep(0.1)
        yield url
    finally:
        process.kill()
        process.wait()
