"""The commands of the buttons of a task, which are also the actions of the list."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from djbundle.tasks import operations_api
from djbundle.tasks.admin.states import (
    CANCELLED,
    FAILED,
    OVERDUE,
    RETRYING,
    RUNS,
    SCHEDULED,
    WAITING,
    State,
)

PERMISSION = "djbundle_tasks.change_taskrecord"


@dataclass(frozen=True, slots=True)
class TaskCommand:
    """Changes tasks in some states, and ignores tasks in other states."""

    name: str
    label: Any
    states: tuple[State, ...]  # states with its button
    run: Callable[[operations_api.Records], int]
    message: Callable[[int], str]  # the message about that many changed tasks


COMMANDS = (
    TaskCommand(
        "retry",
        _("Run again"),
        (FAILED, CANCELLED),
        operations_api.retry,
        lambda n: ngettext("%d task will be run again.", "%d tasks will be run again.", n) % n,
    ),
    TaskCommand(
        "run_now",
        _("Run now"),
        (SCHEDULED, RETRYING),
        operations_api.run_now,
        lambda n: ngettext("%d task need not wait.", "%d tasks need not wait.", n) % n,
    ),
    TaskCommand(
        "cancel",
        _("Cancel"),
        (WAITING, OVERDUE, SCHEDULED, RETRYING, RUNS),
        operations_api.cancel,
        lambda n: ngettext("%d task is cancelled.", "%d tasks are cancelled.", n) % n,
    ),
)


def may_command(request: HttpRequest) -> bool:
    return request.user.has_perm(PERMISSION)


def buttons(request: HttpRequest, state: State) -> list[TaskCommand]:
    """Return the commands for a task in this state; none if this user may not run commands."""
    return [command for command in COMMANDS if state in command.states] if may_command(request) else []
