"""Tasks in the admin: what waits, what happened, and what to do about it."""

from djbundle.tasks.admin.queues import PausedQueueAdmin
from djbundle.tasks.admin.records import TaskRecordAdmin
from djbundle.tasks.admin.schedules import ScheduleAdmin

__all__ = ["PausedQueueAdmin", "ScheduleAdmin", "TaskRecordAdmin"]
