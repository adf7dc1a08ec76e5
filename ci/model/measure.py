"""Measures the costs of the model on this machine: ``python -m ci.model.measure``.

It starts PostgreSQL, Redis and RabbitMQ on the loopback address, and takes five to ten minutes. SQS needs boto3 and
moto: without them, the recorded costs of its client are kept.
"""

import argparse
import os
import tempfile
from pathlib import Path

import django
import psutil

from ci.model.costs import RECORDED
from tests.support.postgres import Postgres
from tests.support.rabbitmq import RabbitMQ
from tests.support.redis import Redis

DRAINED = 10_000  # tasks; the fastest of several short drains counts, since the machine may be busy


def main() -> None:
    """Measure everything, and record it."""
    parser = argparse.ArgumentParser(prog="python -m ci.model.measure", description=__doc__)
    parser.add_argument("--tasks", type=int, default=DRAINED, help="in a drain [%(default)s]")
    parser.add_argument("--out", type=Path, default=RECORDED, help="the file for the result [ci/model/measured.json]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="djbundle-model-") as name:
        work = Path(name)
        work.chmod(0o755)  # the user of PostgreSQL must enter it
        with Postgres(work / "postgres", durable=True) as postgres, Redis(work / "redis") as redis:
            _set_up(postgres)
            with RabbitMQ(work / "rabbitmq") as rabbitmq:
                from ci.model.measuring.everything import Server, measure  # noqa: PLC0415 - after setup

                brokers = {
                    "redis": Server(redis.url, lambda: [redis._process.pid]),
                    "rabbitmq": Server(rabbitmq.url, lambda: _descendants(rabbitmq)),
                }
                measured = measure(lambda: [each.pid for each in postgres.processes()], brokers, options.tasks)
    measured.save(options.out)
    print(f"{options.out} is written")


def _set_up(postgres: Postgres) -> None:
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "ci.model.measuring.settings",
        "MODEL_POSTGRES": postgres.host,
        "MODEL_USER": postgres.owner,
    }
    postgres.create_database("model")
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415 - after setup

    call_command("migrate", verbosity=0)


def _descendants(rabbitmq: RabbitMQ) -> list[int]:
    assert rabbitmq.process
    process = psutil.Process(rabbitmq.process.pid)
    return [process.pid, *(child.pid for child in process.children(recursive=True))]


if __name__ == "__main__":
    main()
