"""Backends of the package django-tasks, which have tasks of their own class, on Django 6 too."""

from django.test import override_settings

from djbundle.tasks import compat, enqueue_many
from tests.tasks import jobs

TASKS = {
    "default": {"BACKEND": "djbundle.tasks.DatabaseBackend"},
    "package": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"},
}


def test_many_are_enqueued() -> None:
    with override_settings(TASKS=TASKS):
        task = compat.task(backend="package")(jobs.say.func)
        results = enqueue_many(task, [("one",), {"text": "two"}])
    assert [(result.args, result.kwargs) for result in results] == [(["one"], {}), ([], {"text": "two"})]
