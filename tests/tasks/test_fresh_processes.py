"""Processes that run tasks may be new programs, which load the site for themselves, instead of forks of the worker."""

import os
import subprocess
import sys

from django.tasks import TaskResultStatus

from djbundle.tasks.models import TaskRecord
from tests.tasks import jobs, thread_jobs
from tests.tasks.conftest import ENVIRONMENT, REPOSITORY

PROCESS = """
import sys, threading, django
django.setup()
threading.Thread(target=threading.Event().wait, name="consumer", daemon=True).start()
from djbundle.tasks.worker.process.fresh import run_inherited
run_inherited(sys.argv[1])
"""
WORKER = """
import sys, django
django.setup()
from django.core.management import call_command
from djbundle.tasks.worker.process.fresh import NewProgram
program = NewProgram(sys.executable, (sys.executable, "-c", sys.argv[1]))
call_command("worker", until_idle=0.0, program=program)
"""


def run_worker(process: str = PROCESS) -> int:
    command = [sys.executable, "-c", WORKER, process]
    return subprocess.run(command, cwd=REPOSITORY, env=ENVIRONMENT | os.environ, timeout=120, check=False).returncode


def test_each_process_has_the_threads_of_the_site() -> None:
    for _ in range(10):
        thread_jobs.names_of_threads.enqueue()
    assert run_worker() == 0
    records = [*TaskRecord.objects.all()]
    assert {each.status for each in records} == {TaskResultStatus.SUCCESSFUL}
    assert all("consumer" in (each.return_value or ()) for each in records)


def test_the_worker_sees_which_task_has_killed_its_process() -> None:
    killer = jobs.kill_worker.enqueue()
    others = [thread_jobs.names_of_threads.enqueue() for _ in range(5)]
    assert run_worker() == 0
    assert TaskRecord.objects.get(pk=killer.id).status == TaskResultStatus.FAILED
    for each in others:
        assert TaskRecord.objects.get(pk=each.id).status == TaskResultStatus.SUCCESSFUL
