"""``manage.py worker`` and ``manage.py tasks`` refuse invalid options, with one line."""

import os
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from djbundle.tasks.management.commands.worker import queues_of
from tests.tasks.conftest import ENVIRONMENT, REPOSITORY

OURS = {"BACKEND": "djbundle.tasks.DatabaseBackend"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--threads=0", "argument --threads: must be from 1 to 10000, not 0"),
        ("--threads=-3", "argument --threads: must not be below 0, as -3 is"),
        ("--threads=many", "argument --threads: must be a whole number, not 'many'"),
        ("--threads=99999999", "must be from 1 to 10000"),
        ("--processes=0", "argument --processes: must be from 1 to 10000, not 0"),
        ("--poll=0", "argument --poll: must be above 0 seconds, not 0"),
        ("--poll=nan", "argument --poll: must be from 0 to 1000000000 seconds, not nan"),
        ("--poll=-1", "argument --poll: must be from 0"),
        ("--grace=inf", "argument --grace: must be from 0 to 1000000000 seconds, not inf"),
        ("--grace=soon", "argument --grace: must be a number of seconds, not 'soon'"),
        ("--max-tasks=-1", "argument --max-tasks: must not be below 0, as -1 is"),
        ("--max-memory=1.5", "argument --max-memory: must be a whole number, not '1.5'"),
        ("--queues=default,mail", '--queues: no backend of TASKS has a queue "mail"; there are: default, mails.'),
    ],
)
def test_worker(options: str, message: str) -> None:
    with pytest.raises(CommandError) as error:
        call_command("worker", options)
    assert message in str(error.value)


@pytest.mark.parametrize("options", [["list", "--limit=-1"], ["purge", "--days=nan"], ["purge", "--days=99999999"]])
def test_tasks(options: list[str]) -> None:
    with pytest.raises(CommandError, match="must"):
        call_command("tasks", *options)


def test_backend_that_takes_every_queue() -> None:
    with override_settings(TASKS={"default": OURS | {"QUEUES": []}}):
        assert queues_of("a, b,") == ("a", "b")


def test_queues_of_all_backends_count() -> None:
    with override_settings(TASKS={"default": OURS, "other": OURS | {"QUEUES": ["more"]}}):
        assert queues_of("default,more") == ("default", "more")


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (["worker"], "worker: runs tasks of all queues (Ctrl-C stops)"),
        (["worker", "--queues", "mails"], "worker: runs tasks of the queues mails (Ctrl-C stops)"),
        (["scheduler"], "worker: enqueues the ticks of schedules (Ctrl-C stops)"),
    ],
)
def test_command_that_waits_says_what_it_does(command: list[str], line: str) -> None:
    program = [sys.executable, "-m", "django", *command]
    with subprocess.Popen(
        program, cwd=REPOSITORY, env=os.environ | ENVIRONMENT, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        assert process.stderr.readline().rstrip() == line
        process.terminate()
