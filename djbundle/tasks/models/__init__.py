"""The tables: tasks, groups, queues, schedules, and the processes that run tasks."""

from djbundle.tasks.models.processes import RelayRecord, Release, WorkerRecord
from djbundle.tasks.models.queues import PausedQueue, QueueLimit
from djbundle.tasks.models.schedule import Schedule
from djbundle.tasks.models.task_group import TaskGroup
from djbundle.tasks.models.task_record import FAILED, READY, RUNNING, TaskRecord

__all__ = [
    "FAILED",
    "READY",
    "RUNNING",
    "PausedQueue",
    "QueueLimit",
    "RelayRecord",
    "Release",
    "Schedule",
    "TaskGroup",
    "TaskRecord",
    "WorkerRecord",
]
