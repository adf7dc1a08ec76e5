"""Tasks before they are enqueued: what @task and using() accept, and what they refuse."""

import datetime
import pickle
from functools import partial
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import override_settings
from django.utils import timezone
from django.utils.module_loading import import_string

from djbundle.tasks import DatabaseBackend
from tests.conformance import jobs
from tests.conformance.api import InvalidTask, InvalidTaskBackend, Task, default_task_backend, task, task_backends
from tests.conformance.settings import BACKEND


class Holder:
    def method(self) -> None:
        pass


def make_nested() -> Any:
    def nested() -> None:
        pass

    return nested


def test_backends_are_what_the_settings_say() -> None:
    assert isinstance(task_backends["default"], DatabaseBackend)
    assert default_task_backend == task_backends["default"]
    assert default_task_backend.alias == "default"
    assert default_task_backend.options == {}
    assert task_backends["open"].options == {"MAX_ATTEMPTS": 3, "BACKOFF": 0}
    assert (default_task_backend.queues, task_backends["open"].queues) == ({"default", "mails"}, set())


def test_backend_says_what_it_can() -> None:
    backend = task_backends["default"]
    assert backend.supports_defer
    assert backend.supports_async_task
    assert backend.supports_get_result
    assert backend.supports_priority


@pytest.mark.parametrize("each", [jobs.nothing, jobs.nothing_with_parentheses, jobs.nothing_async])
def test_decorator_makes_a_task(each: Any) -> None:
    assert isinstance(each, Task)
    assert (each.priority, each.queue_name, each.backend) == (0, "default", "default")
    assert each.run_after is None
    assert not each.takes_context


@pytest.mark.parametrize("name", ["nothing", "nothing_async"])
def test_task_is_found_by_its_path(name: str) -> None:
    each = getattr(jobs, name)
    assert each.name == name
    assert each.module_path == f"tests.conformance.jobs.{name}"
    assert import_string(each.module_path) is each


@pytest.mark.parametrize("function", [any, Holder().method, make_nested(), partial(jobs.without_context, "a")])
def test_function_must_be_at_the_top_of_a_module(function: Any) -> None:
    with pytest.raises(InvalidTask, match="defined at a module level"):
        task(function)


def test_context_must_be_the_first_argument() -> None:
    with pytest.raises(InvalidTask, match="first argument of 'context'"):
        task(takes_context=True)(jobs.without_context)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [{"run_after": timezone.now()}, {"patience": 3}])
def test_decorator_refuses_what_it_cannot_keep(bad: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=next(iter(bad))):
        task(**bad)(jobs.without_context)


def test_using_changes_a_copy() -> None:
    soon = timezone.now()
    changed = jobs.nothing.using(priority=7, queue_name="mails").using(run_after=soon, backend="open")
    assert (changed.priority, changed.queue_name, changed.run_after, changed.backend) == (7, "mails", soon, "open")
    assert changed.get_backend() is task_backends["open"]
    assert (jobs.nothing.priority, jobs.nothing.queue_name, jobs.nothing.run_after) == (0, "default", None)
    assert jobs.nothing.get_backend() is task_backends["default"]


def test_using_nothing_is_an_equal_copy() -> None:
    copy = jobs.nothing.using()
    assert copy == jobs.nothing
    assert copy is not jobs.nothing


@pytest.mark.parametrize("name", ["patience", "name", "module_path"])
def test_using_refuses_what_is_no_option(name: str) -> None:
    with pytest.raises(TypeError, match=name):
        jobs.nothing.using(**{name: "value"})  # type: ignore[arg-type]


@pytest.mark.parametrize("priority", [-101, 101, 0.5])
def test_priority_out_of_range(priority: float) -> None:
    with pytest.raises(InvalidTask, match="whole number between -100 and 100"):
        jobs.nothing.using(priority=priority)  # type: ignore[arg-type]


@pytest.mark.parametrize("priority", [-100, 0, 100])
def test_priority_at_its_ends(priority: int) -> None:
    assert jobs.nothing.using(priority=priority).priority == priority


def test_queue_must_be_one_of_the_backend() -> None:
    with pytest.raises(InvalidTask, match="Queue 'imports' is not valid for backend"):
        jobs.nothing.using(queue_name="imports")
    assert jobs.nothing.using(queue_name="imports", backend="open").queue_name == "imports"


def test_backend_that_is_not_in_the_settings() -> None:
    with pytest.raises(InvalidTaskBackend, match="'unknown' doesn't exist"):
        jobs.nothing.using(backend="unknown")


def test_backend_that_cannot_be_imported() -> None:
    settings = {"default": {"BACKEND": BACKEND}, "missing": {"BACKEND": "nowhere.Backend"}}
    raises_invalid = pytest.raises(InvalidTaskBackend, match=r"Could not find backend 'nowhere\.Backend'")
    with override_settings(TASKS=settings), raises_invalid:
        jobs.nothing.using(backend="missing")


def test_run_after_needs_a_time_zone_where_the_project_has_them() -> None:
    naive = datetime.datetime(2030, 1, 1, 12)
    with pytest.raises(InvalidTask, match="run_after must be an aware datetime"):
        jobs.nothing.using(run_after=naive)
    with override_settings(USE_TZ=False):
        assert jobs.nothing.using(run_after=naive).run_after == naive


@pytest.mark.parametrize("each", [jobs.double, jobs.double_async])
def test_task_can_be_called_here_and_now(each: Any) -> None:
    assert each.call(21) == 42
    assert async_to_sync(each.acall)(21) == 42


@pytest.mark.skipif(not hasattr(Task, "_reconstruct"), reason="this Django does not pickle tasks")
def test_task_and_result_can_be_pickled() -> None:
    changed = jobs.fail_twice.using(priority=3)
    assert pickle.loads(pickle.dumps(changed)) == changed
    result = changed.enqueue("folder")
    assert pickle.loads(pickle.dumps(result)) == result
